namespace StreamDiff.Bench.Core;

/// <summary>What <c>streamdiff-bench core</c> found, with the conditions it was found under.</summary>
public sealed record CoreReport
{
    public required string Model { get; init; }

    public required int Width { get; init; }

    public required int Height { get; init; }

    public required int Steps { get; init; }

    public required string Mode { get; init; }

    public required string Device { get; init; }

    public required string Type { get; init; }

    /// <summary>Compute threads of libtorch on the CPU.</summary>
    public required int Threads { get; init; }

    public required int Processors { get; init; }

    /// <summary>Chunks measured, of four frames each.</summary>
    public required int Chunks { get; init; }

    /// <summary>
    /// From the start of the process to the end of the first tick, the loading of the model and the benchmark's clip included.
    /// </summary>
    public required double StartUpMilliseconds { get; init; }

    public required IReadOnlyList<StageRow> Stages { get; init; }

    public required long ManagedBytesPerTick { get; init; }

    /// <summary>Full garbage collections while measuring.</summary>
    public required int Gen2Collections { get; init; }

    /// <summary>KV cache of the stream.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Weights of the transformer.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>
    /// CPU time of all threads per frame for decode, conversions and encode, without the networks; null when media was left out.
    /// </summary>
    public required double? MediaCpuMillisecondsPerFrame { get; init; }

    /// <summary>How ticks were run on the device, see <see cref="Models.Wan.Fused.TickStatistics"/>.</summary>
    public required string Ticks { get; init; }

    /// <summary>Frames per second one stage after the other.</summary>
    public double SerialFramesPerSecond => 4000 / Stages.Sum(s => s.Median);
}
