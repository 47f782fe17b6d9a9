using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Host;

/// <summary>How a session is doing.</summary>
public sealed record SessionStatistics
{
    /// <summary>Frames offered.</summary>
    public required long FramesIn { get; init; }

    /// <summary>Restyled frames handed over.</summary>
    public required long FramesOut { get; init; }

    /// <summary>Frames left out: newer ones were there, or the rate is lowered.</summary>
    public required long Dropped { get; init; }

    /// <summary>Frames handed over after their deadline.</summary>
    public required long Late { get; init; }

    /// <summary>Late frames by the stage that took most beyond its usual time.</summary>
    public required IReadOnlyDictionary<FrameStage, long> Misses { get; init; }

    /// <summary>From the first complete group of frames to the first restyled frame; null before it.</summary>
    public required TimeSpan? FirstFrame { get; init; }

    /// <summary>What each stage had of <see cref="FirstFrame"/>.</summary>
    public required IReadOnlyDictionary<ChunkStage, TimeSpan> FirstFrameStages { get; init; }

    /// <summary>Mean time of the latest chunks in each stage.</summary>
    public required IReadOnlyDictionary<ChunkStage, TimeSpan> Stages { get; init; }

    /// <summary>From capture to hand-over: half of the latest frames took no longer.</summary>
    public required TimeSpan LatencyP50 { get; init; }

    public required TimeSpan LatencyP95 { get; init; }

    public required TimeSpan LatencyP99 { get; init; }

    public required TimeSpan LatencyMax { get; init; }

    /// <summary>Chunks handed over.</summary>
    public required long Chunks { get; init; }

    /// <summary>Denoising steps of the next chunk.</summary>
    public required int Steps { get; init; }

    /// <summary>Things given up at present, such as "fewer steps"; empty where nothing is.</summary>
    public required IReadOnlyList<string> Degraded { get; init; }

    /// <summary>
    /// How far pictures are from what the first seconds made of theirs: 0 as then, 1 far away; null before it is known, and for three
    /// seconds after a change of the look.
    /// </summary>
    public double? Drift { get; init; }
}
