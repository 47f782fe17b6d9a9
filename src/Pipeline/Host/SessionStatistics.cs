using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Host;

/// <summary>How a session is doing.</summary>
public sealed record SessionStatistics
{
    /// <summary>Pictures offered.</summary>
    public required long FramesIn { get; init; }

    /// <summary>Restyled pictures handed over.</summary>
    public required long FramesOut { get; init; }

    /// <summary>Pictures left out: newer ones were there, or the rate is lowered.</summary>
    public required long Dropped { get; init; }

    /// <summary>Pictures handed over after their deadline.</summary>
    public required long Late { get; init; }

    /// <summary>Late pictures by the stage that took most beyond its usual time.</summary>
    public required IReadOnlyDictionary<FrameStage, long> Misses { get; init; }

    /// <summary>From the first complete group of pictures to the first restyled picture; null before it.</summary>
    public required TimeSpan? FirstFrame { get; init; }

    /// <summary>What each stage had of <see cref="FirstFrame"/>.</summary>
    public required IReadOnlyDictionary<ChunkStage, TimeSpan> FirstFrameStages { get; init; }

    /// <summary>Mean time of the latest chunks in each stage.</summary>
    public required IReadOnlyDictionary<ChunkStage, TimeSpan> Stages { get; init; }

    /// <summary>From capture to hand-over: half of the latest pictures took no longer.</summary>
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
}
