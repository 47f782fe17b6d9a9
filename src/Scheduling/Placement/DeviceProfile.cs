namespace StreamDiff.Scheduling.Placement;

/// <summary>What a kind of device was measured to need. Datasheets mislead: every number is from a run, and says from which.</summary>
/// <param name="Name">Such as H100.</param>
/// <param name="Flops">Rate that the transformer's blocks attain, in operations per second, at the sizes it was measured at.</param>
/// <param name="BlockOverhead">Seconds that each block takes whatever its rows: launches, small kernels.</param>
/// <param name="EncodeSecondsPerPixel">Wan VAE encoder, per pixel of a picture, whole chunk.</param>
/// <param name="DecodeSecondsPerPixel">Its decoder.</param>
/// <param name="Source">Where the numbers come from.</param>
public sealed record DeviceProfile(
    string Name, double Flops, double BlockOverhead, double EncodeSecondsPerPixel, double DecodeSecondsPerPixel, string Source)
{
    private const double Pixels480 = 832 * 480;

    /// <summary>
    /// From the published single-GPU rates at 832x480 (spec section 12), which rise evenly with the steps: 1.3B 4/fps = 0.165 + 0.0304 N s,
    /// 14B 0.168 + 0.147 N s. What does not depend on the steps is the VAE; how it divides shows in the 1.3B rate of four GPUs, where its
    /// larger half is the slowest rank.
    /// </summary>
    public static DeviceProfile H100Large { get; } = new(
        "H100", 3.40e14, 0, 0.077 / Pixels480, 0.088 / Pixels480, "published rates of one H100, 14B 832x480");

    /// <summary>As <see cref="H100Large"/>, from the 1.3B rows: smaller matrices attain less.</summary>
    public static DeviceProfile H100Small { get; } = H100Large with
    {
        Flops = 2.22e14,
        Source = "published rates of one H100, 1.3B 832x480",
    };

    /// <summary>
    /// From this project's own benchmarks on one H200 (docs/benchmarks/gpu-h200): ticks of 1, 2 and 4 rows of the 30 blocks of 1.3B in
    /// 17.3, 29.5 and 55.4 ms, 4.6 + 12.7 N; a chunk with the Wan VAE both ways 93.2 ms, of which 63.7 are the VAE's, in the proportion in
    /// which they were timed one by one (46 to 70); with TAEHV 22.7, 34.5 and 60.7 ms.
    /// </summary>
    public static DeviceProfile H200Small { get; } = new(
        "H200", 5.32e14, 0.000153, 0.0253 / Pixels480, 0.0384 / Pixels480, "docs/benchmarks/gpu-h200, 1.3B 832x480")
    {
        Taehv = (0.0028 / Pixels480, 0.0025 / Pixels480),
        Float8Share = 24.3 / 26.9,
    };

    /// <summary>
    /// As <see cref="H200Small"/>, from the 14B parts: 169 ms a tick of two rows, 126 in float8; larger matrices attain more.
    /// </summary>
    public static DeviceProfile H200Large { get; } = H200Small with
    {
        Flops = 6.13e14,
        Float8Share = 126.0 / 169,
        Source = "docs/benchmarks/gpu-h200, 14B 832x480",
    };

    /// <summary>Seconds per pixel that TAEHV's encoder and decoder take; null where that was not measured.</summary>
    public (double Encode, double Decode)? Taehv { get; init; }

    /// <summary>Share of a block's time that it takes with products in float8; null where that was not measured.</summary>
    public double? Float8Share { get; init; }

    /// <summary>The profile of a device's name for a network; null for a name that has none.</summary>
    public static DeviceProfile? Find(string name, NetworkShape network) => name.ToUpperInvariant() switch
    {
        "H100" => network.Dim >= 4096 ? H100Large : H100Small,
        "H200" => network.Dim >= 4096 ? H200Large : H200Small,
        _ => null,
    };

    /// <summary>With TAEHV in place of the Wan VAE.</summary>
    /// <returns>Null where it was not measured.</returns>
    public DeviceProfile? WithTaehv() => Taehv is { } vae
        ? this with { EncodeSecondsPerPixel = vae.Encode, DecodeSecondsPerPixel = vae.Decode }
        : null;

    /// <summary>With products in float8.</summary>
    /// <returns>Null where they were not measured.</returns>
    public DeviceProfile? WithFloat8() => Float8Share is { } share
        ? this with { Flops = Flops / share, BlockOverhead = BlockOverhead * share }
        : null;

    /// <summary>Time of one block for the rows of a tick.</summary>
    public double BlockSeconds(NetworkShape network) => BlockOverhead + network.Steps * network.FlopsPerBlockAndRow / Flops;
}
