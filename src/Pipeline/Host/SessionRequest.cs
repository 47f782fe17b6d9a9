using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Host;

/// <summary>What somebody wants of a session.</summary>
/// <param name="Name">Told in logs and status lines; unique on its host.</param>
/// <param name="Sampling">Prompt, steps, seed, noise, window and sinks.</param>
/// <param name="Size">Of its frames.</param>
/// <param name="Slo">What it is promised.</param>
public sealed record SessionRequest(string Name, SamplingOptions Sampling, (int Width, int Height) Size, SessionSlo Slo)
{
    /// <summary>True drops no frame, however long they wait: for files and tests. Default false: the newest frames win.</summary>
    public bool KeepsAll { get; init; }

    /// <summary>
    /// True lets one group wait in front of the transformer, not more, and encodes it just before it is free, so that frames are not old
    /// when it is slow: for a run without a deadline, which leaves nothing out later. Default false: one more is encoded ahead.
    /// </summary>
    public bool HoldsLittle { get; init; }

    /// <summary>True gives frames with transparency, which <c>key</c> takes away. Default false: it keeps the input's colour.</summary>
    public bool HasAlpha { get; init; }

    /// <summary>Changes while it runs; null for controls of its own.</summary>
    public StreamControls? Controls { get; init; }

    /// <summary>
    /// How the frames' own stamps read as time, for a source with a clock of its own, such as a file; frames keep their stamps and
    /// durations then. Null: frames are stamped with the time at which they were taken.
    /// </summary>
    internal Func<long, TimeSpan>? Time { get; init; }

    /// <summary>
    /// Where the session is written; stays the caller's. Null for nowhere. Such a session has ticks of its own and gives up frames before
    /// they are encoded, but no quality: that would not be in the log.
    /// </summary>
    internal SessionLogWriter? Log { get; init; }

    /// <summary>
    /// True follows no prompt at all, for measurements: what a prompt says does not change what a tick costs, and the text encoder may be
    /// larger than everything else. Default false.
    /// </summary>
    internal bool IsUnprompted { get; init; }

    /// <summary>Told of each chunk that has been handed over, from the session's own thread; null for nobody.</summary>
    internal Action<ChunkTrace>? Traced { get; init; }

    /// <summary>A frame's stamp as time.</summary>
    internal TimeSpan TimeOf(long stamp) => Time?.Invoke(stamp) ?? TimeSpan.FromTicks(stamp);
}

/// <summary>A restyled frame.</summary>
/// <param name="Frame">The frame; belongs to whoever it is given to.</param>
/// <param name="Taken">When the source took it.</param>
/// <param name="Deadline">When it was to be handed over at the latest.</param>
/// <param name="Now">When it was handed over.</param>
public readonly record struct FinishedFrame(Transport.Media.VideoFrame Frame, TimeSpan Taken, TimeSpan Deadline, TimeSpan Now)
{
    /// <summary>True when it came too late.</summary>
    public bool IsLate => Now > Deadline;
}
