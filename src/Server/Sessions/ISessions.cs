using System.Text.Json;
using StreamDiff.Client;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// What HTTP sees of sessions, wherever they run: in this process (<see cref="StudioSessions"/>), or on the workers of a fleet. All members
/// may be used from any thread, and throw <see cref="RefusedException"/> for what cannot be.
/// </summary>
public interface ISessions
{
    /// <summary>Told what happens.</summary>
    EventFeed Events { get; }

    /// <summary>True once sessions can begin.</summary>
    bool IsReady { get; }

    /// <summary>Name of the model that is loaded, or passthrough; null before it is.</summary>
    string? ModelName { get; }

    /// <summary>The sessions of this process; none where all run elsewhere.</summary>
    StudioSessions Here { get; }

    /// <summary>A session's key of one kind; null where there is no such session.</summary>
    ValueTask<string?> KeyOf(string name, SessionKey kind);

    /// <summary>All that are known and that somebody may see, the oldest first.</summary>
    ValueTask<IReadOnlyList<SessionInfo>> All(Caller caller);

    /// <summary>A session by its name.</summary>
    ValueTask<SessionInfo> Get(string name, Caller caller);

    /// <summary>Begins a session; the task is done when it is open. One with the same description is the one that is there.</summary>
    /// <param name="body">Its description.</param>
    /// <param name="caller">Who wants it.</param>
    /// <param name="queue">True waits in a queue where there is no room: the session is known from then on, and begins by itself.</param>
    /// <returns>The session, and whether it is a new one.</returns>
    Task<(SessionInfo Session, bool IsNew)> Start(JsonElement body, Caller caller, bool queue);

    /// <summary>Makes changes, all or none.</summary>
    /// <param name="name">The session.</param>
    /// <param name="request">What is to change.</param>
    /// <param name="version">What the caller believes to change; null for whatever is there.</param>
    /// <param name="wait">True waits until they have taken effect.</param>
    /// <param name="ct">Ends the wait.</param>
    Task<ControlReply> Change(string name, ControlRequest request, long? version, bool wait, CancellationToken ct);

    /// <summary>Stops a session and waits until its outputs are closed; one that is over is forgotten.</summary>
    Task Stop(string name);

    /// <summary>How what runs the sessions is doing; null where it does not answer.</summary>
    Task<HostReport?> Host();

    /// <summary>Where a session's pictures are to be had, and what is to be done with it, such as recording; null for here.</summary>
    ValueTask<SessionPlace?> PlaceOf(string name);

    /// <summary>Where a file of a session lies, also of one that is over; null for here.</summary>
    /// <param name="name">The session.</param>
    /// <param name="file">"log", or "recordings/" and a recording's name.</param>
    ValueTask<SessionPlace?> PlaceOf(string name, string file);

    /// <summary>Recordings of a session that lie elsewhere, the oldest first; null where all lie here.</summary>
    Task<IReadOnlyList<RecordingInfo>?> Recordings(string name);

    /// <summary>Replays that run elsewhere; null where they run in this process.</summary>
    IReplays? Replays { get; }
}

/// <summary>How what runs sessions is doing.</summary>
/// <param name="Host">Sessions, load, memory.</param>
/// <param name="Device">Where it computes; null without a model.</param>
/// <param name="Type">With which numbers; null without a model.</param>
public sealed record HostReport(HostInfo Host, string? Device, string? Type);

/// <summary>Another studio, where a session runs.</summary>
/// <param name="Address">Its address.</param>
/// <param name="Key">What opens it.</param>
public sealed record SessionPlace(Uri Address, string Key);
