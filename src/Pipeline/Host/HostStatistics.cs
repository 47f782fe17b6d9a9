namespace StreamDiff.Pipeline.Host;

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
    int Sessions, long Ticks, long Rows, TimeSpan Busy, double Load, int LanesLeased, int LanesAll, long CacheBytes)
{
    /// <summary>Seconds that encoding and decoding a chunk take for each token of a latent frame; 0 where nobody has run yet.</summary>
    public double CodingSecondsPerToken { get; init; }

    /// <summary>Sessions that are suspended; none of <see cref="Sessions"/>.</summary>
    public int Suspended { get; init; }

    /// <summary>Host memory that their caches take.</summary>
    public long SuspendedBytes { get; init; }
}
