using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Pipeline.Plan;

/// <summary>What a host has room for.</summary>
public sealed record HostOptions : OptionGroup
{
    /// <summary>
    /// Lanes of each pool: as many denoising steps as all sessions of one picture size together may have. Their memory is taken at once.
    /// Default 16.
    /// </summary>
    [Option("lanes", "N", "Denoising steps that all sessions of one size together may have. Default: 16.", Use = OptionUse.Server)]
    [Limits(1, 1024)]
    public int Lanes { get; init; } = 16;

    /// <summary>Most rows of one pass of the network. Default 16.</summary>
    [Option("rows", "N", "Most rows of one pass of the network. Default: 16.", Use = OptionUse.Server), Limits(1, 1024)]
    public int RowsPerTick { get; init; } = 16;

    /// <summary>Threads that encode and decode for all sessions. Default 1 for each two cores, at least 1.</summary>
    [Option("workers", "N", "Threads that encode and decode for all sessions. Default: one for each two cores.", Use = OptionUse.Server)]
    [Limits(1, 64)]
    public int Workers { get; init; } = Math.Max(1, Environment.ProcessorCount / 2);

    /// <summary>
    /// Gibibytes of host memory for what the caches of suspended sessions held; those that were suspended first lose it first, and begin
    /// anew. 0 keeps none. Default 4.
    /// </summary>
    public double SuspendedGigabytes { get; init; } = 4;

    /// <summary>
    /// Predicts passes: decides who is admitted and who recovers, and learns while the host runs. Belongs to the host, together with a
    /// policy that uses it. Null: nothing is known, and whoever there are lanes for is admitted. Default null.
    /// </summary>
    public LatencyModel? Latency { get; init; }

    /// <summary>
    /// False admits whoever there are lanes for, whatever <see cref="Latency"/> says: they give up what they must. Default true.
    /// </summary>
    public bool Refuses { get; init; } = true;
}
