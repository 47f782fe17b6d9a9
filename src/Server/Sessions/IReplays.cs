using StreamDiff.Client;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// Replays as HTTP sees them, wherever they run: in this process, or on the workers of a fleet. All members may be used from any thread,
/// and throw <see cref="RefusedException"/> for what cannot be.
/// </summary>
public interface IReplays
{
    /// <summary>Those that somebody may see, the oldest first.</summary>
    Task<IReadOnlyList<ReplayInfo>> All(Caller caller);

    /// <summary>Begins one.</summary>
    /// <param name="request">What is wanted.</param>
    /// <param name="caller">Who wants it.</param>
    /// <param name="ct">Cancelled where nobody waits for the answer any more: then it does not begin.</param>
    /// <exception cref="RefusedException">There is no such log or input, or nobody has room for it.</exception>
    Task<ReplayInfo> Start(NewReplay request, Caller caller, CancellationToken ct);

    /// <summary>One of them.</summary>
    /// <exception cref="RefusedException">There is none of that number, or it is not for the caller.</exception>
    Task<ReplayInfo> Get(string id, Caller caller);

    /// <summary>Stops one.</summary>
    /// <exception cref="RefusedException">There is none of that number, or it is not for the caller.</exception>
    Task Stop(string id, Caller caller);

    /// <summary>Where what one that is done has written is to be had; whether the caller may have it <see cref="Get"/> tells.</summary>
    Task<ReplayFile> FileOf(string id);
}

/// <summary>What a replay has written.</summary>
/// <param name="Path">A file of this machine; the path of a request to <paramref name="Place"/> where that is not null.</param>
/// <param name="Place">The studio that has it; null for this one.</param>
public sealed record ReplayFile(string Path, SessionPlace? Place);
