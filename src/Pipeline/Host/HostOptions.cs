using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Pipeline.Host;

/// <summary>What a host has room for.</summary>
public sealed record HostOptions
{
    /// <summary>
    /// Lanes of each pool: as many denoising steps as all sessions of one picture size together may have. Their memory is taken at once.
    /// Default 16.
    /// </summary>
    public int Lanes { get; init; } = 16;

    /// <summary>Most rows of one pass of the network. Default 16.</summary>
    public int RowsPerTick { get; init; } = 16;

    /// <summary>Threads that encode and decode for all sessions. Default 1 for each two cores, at least 1.</summary>
    public int Workers { get; init; } = Math.Max(1, Environment.ProcessorCount / 2);

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

/// <summary>How a host is doing.</summary>
/// <param name="Sessions">Sessions that live.</param>
/// <param name="Ticks">Passes of the network.</param>
/// <param name="Rows">Rows of all passes together.</param>
/// <param name="Busy">Time spent in passes.</param>
/// <param name="Load">Share of the device's time that the sessions need, as predicted.</param>
/// <param name="LanesLeased">Lanes that sessions hold.</param>
/// <param name="LanesAll">Lanes of all pools.</param>
/// <param name="CacheBytes">Memory of all pools.</param>
public sealed record HostStatistics(
    int Sessions, long Ticks, long Rows, TimeSpan Busy, double Load, int LanesLeased, int LanesAll, long CacheBytes);
