using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Fleet.Workers;

/// <summary>A stream that a worker has, or gets rid of.</summary>
/// <param name="name">Its name.</param>
/// <param name="epoch">Of the right to it.</param>
internal sealed class HeldStream(string name, long epoch)
{
    public string Name => name;

    public long Epoch => epoch;

    /// <summary>The right to write its outputs.</summary>
    public OutputLease Lease { get; } = new();

    /// <summary>Why it never began; null where it did.</summary>
    public string? Failure { get; set; }

    /// <summary>Begins it.</summary>
    public Task Opening { get; set; } = Task.CompletedTask;

    /// <summary>True where it is to go on with what is kept here by its name.</summary>
    public bool Resumes { get; init; }

    /// <summary>Gives its place back; null while nobody has asked for that.</summary>
    public Task? Suspending { get; set; }

    /// <summary>True once its outputs are closed and it has no place any more.</summary>
    public bool IsSuspended { get; set; }

    /// <summary>True where what its caches held is kept.</summary>
    public bool IsKept { get; set; }

    /// <summary>True once it is not to be had any more.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>What is said of it.</summary>
    /// <param name="info">How its session is doing; null where there is none yet.</param>
    /// <param name="readers">Viewers and recordings.</param>
    public StreamReport Report(SessionInfo? info, int readers) => IsSuspended
        ? new StreamReport(name, epoch, StreamPhase.Suspended, null, null, 0, IsKept)
        : Failure is not null
        ? new StreamReport(name, epoch, StreamPhase.Failed, Failure, info, readers)
        : new StreamReport(name, epoch, PhaseOf(info?.State), info?.Reason, info, readers);

    private static StreamPhase PhaseOf(SessionState? state) => state switch
    {
        SessionState.Running => StreamPhase.Running,
        SessionState.Ended => StreamPhase.Ended,
        SessionState.Failed => StreamPhase.Failed,
        _ => StreamPhase.Opening,
    };
}
