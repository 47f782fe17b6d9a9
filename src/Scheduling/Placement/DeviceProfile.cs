namespace StreamDiff.Scheduling.Placement;

/// <summary>What a kind of device was measured to need. Datasheets mislead: every number is from a run, and says from which.</summary>
/// <param name="Name">Such as H100.</param>
/// <param name="Flops">Rate that the transformer's blocks attain, in operations per second, at the sizes it was measured at.</param>
/// <param name="BlockOverhead">Seconds that each block takes whatever its rows: launches, small kernels.</param>
/// <param name="EncodeSecondsPerPixel">VAE encoder, per pixel of a picture, whole chunk.</param>
/// <param name="DecodeSecondsPerPixel">VAE decoder.</param>
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
    /// From this project's own benchmarks on one H200 (docs/benchmarks): denoising 15 + 16.2 N ms for the 30 blocks of 1.3B, Wan VAE 46 and
    /// 70 ms.
    /// </summary>
    public static DeviceProfile H200 { get; } = new(
        "H200", 4.17e14, 0.0005, 0.0463 / Pixels480, 0.0701 / Pixels480, "docs/benchmarks, one H200, 1.3B 832x480");

    /// <summary>The profile of a device's name for a network; null for a name that has none.</summary>
    public static DeviceProfile? Find(string name, NetworkShape network) => name.ToUpperInvariant() switch
    {
        "H100" => network.Dim >= 4096 ? H100Large : H100Small,
        "H200" => H200,
        _ => null,
    };

    /// <summary>Time of one block for the rows of a tick.</summary>
    public double BlockSeconds(NetworkShape network) => BlockOverhead + network.Steps * network.FlopsPerBlockAndRow / Flops;
}
