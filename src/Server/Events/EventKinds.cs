using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Server.Events;

/// <summary>Names of what happens: few, and the same for programs as long as the interface has its version.</summary>
public static class EventKinds
{
    public const string Started = "session.started";
    public const string FirstFrame = "session.firstFrame";
    public const string Degraded = "session.degraded";
    public const string Recovered = "session.recovered";
    public const string Failed = "session.failed";
    public const string Ended = "session.ended";
    public const string Refused = "session.refused";
    public const string SourceLost = "source.lost";
    public const string SourceOpen = "source.open";
    public const string ControlFailed = "control.failed";
    public const string RecordingStarted = "recording.started";
    public const string RecordingEnded = "recording.ended";
    public const string Note = "note";

    /// <summary>What webhooks are for where they name nothing.</summary>
    public static IReadOnlyList<string> ForWebhooks { get; } = [Started, FirstFrame, Degraded, Recovered, SourceLost, Failed, Ended];

    /// <summary>All that somebody may ask for.</summary>
    public static IReadOnlyList<string> All { get; } =
    [
        .. ForWebhooks, Refused, SourceOpen, "output.open", "output.lost", "control.applied", ControlFailed, RecordingStarted,
        RecordingEnded, Note,
    ];

    /// <summary>The kind of a change of state.</summary>
    internal static string Of(LiveEvent news) => (news.Part.Split(' ')[0], news.State) switch
    {
        ("session", "started") => Started,
        ("session", "first picture") => FirstFrame,
        ("session", "degraded") => Degraded,
        ("session", "recovered") => Recovered,
        ("session" or "run", "failed") => Failed,
        ("session", "ended") => Ended,
        ("session", "changed") => "control.applied",
        ("session", "change failed") => ControlFailed,
        ("source", "lost") => SourceLost,
        ("source", "open") => SourceOpen,
        ("output", "open") => "output.open",
        ("output", "lost") => "output.lost",
        _ => Note,
    };
}
