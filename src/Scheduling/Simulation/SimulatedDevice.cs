using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>A device as the simulator knows it.</summary>
/// <param name="Name">Such as "H100, 1.3B, 832x480".</param>
/// <param name="Terms">Seconds of its ticks.</param>
/// <param name="Encode">Seconds of the autoencoder's encoder for a group of four pictures.</param>
/// <param name="Decode">Seconds of the decoder.</param>
/// <param name="FrameTokens">Tokens of a latent frame.</param>
/// <param name="CachedFrames">Latent frames that a full cache holds.</param>
/// <param name="Lanes">Most rows of a tick.</param>
/// <param name="Source">Where the numbers come from.</param>
/// <param name="CodingWorkers">Workers that encode and decode for all streams in turn, as a host on a CPU has them; 0: the encoder is an
/// engine of its own, and so is the decoder.</param>
public sealed record SimulatedDevice(
    string Name, LatencyTerms Terms, double Encode, double Decode, int FrameTokens, int CachedFrames, int Lanes, string Source,
    int CodingWorkers = 0)
{
    private const int Tokens480 = 1560;
    private const int PublishedWindow = 5;
    private const int MostLanes = 16;

    /// <summary>
    /// From the published rates of one H100 at 832x480 (spec section 12). Per chunk of four pictures 1.3B takes 0.1954, 0.2226, 0.2551,
    /// 0.2867 s with 1 to 4 steps in one tick and 0.258 s with 2 steps in two: a tick of n rows is 35 + 30.4 n ms, the Wan VAE the
    /// remaining 130 ms, divided as four GPUs show it.
    /// </summary>
    public static SimulatedDevice H100Small { get; } = Published("H100, 1.3B, 832x480", 0.0354, 0.0304, 0.060, 0.070);

    /// <summary>
    /// As <see cref="H100Small"/> from the 14B row: 0.3155 to 0.7576 s; what a tick takes whatever its rows is taken from 1.3B, scaled by
    /// blocks (40 to 30).
    /// </summary>
    public static SimulatedDevice H100Large { get; } = Published("H100, 14B, 832x480", 0.0472, 0.1474, 0.056, 0.065);

    /// <summary>
    /// Measured with this program on one H200 (docs/benchmarks/gpu-h200): ticks of 1, 2 and 4 rows in 17.3, 29.5 and 55.4 ms, whole chunks
    /// with TAEHV both ways in 22.7, 34.5 and 60.7.
    /// </summary>
    public static SimulatedDevice H200Small { get; } = Published(
        "H200, 1.3B, 832x480, TAEHV", 0.0046, 0.0127, 0.0028, 0.0025) with
    { Source = "docs/benchmarks/gpu-h200" };

    /// <summary>All that are known by name.</summary>
    public static IReadOnlyDictionary<string, SimulatedDevice> Known { get; } =
        new Dictionary<string, SimulatedDevice>(StringComparer.OrdinalIgnoreCase)
        {
            ["h100-1.3b"] = H100Small,
            ["h100-14b"] = H100Large,
            ["h200-1.3b"] = H200Small,
        };

    private static SimulatedDevice Published(string name, double fixedTime, double row, double encode, double decode) =>
        new(name, new LatencyTerms(fixedTime, row / Tokens480, 0, 0, 0), encode, decode, Tokens480, PublishedWindow, MostLanes,
            "published rates of one H100");
}
