namespace StreamDiff.Models.Vae;

/// <summary>Sizes of a Wan VAE and the statistics of its latents.</summary>
public sealed record WanVaeConfig
{
    /// <summary>Base width. Default 96.</summary>
    public int Dim { get; init; } = 96;

    /// <summary>Latent channels. Default 16.</summary>
    public int LatentChannels { get; init; } = 16;

    /// <summary>Widths of the levels, in base widths.</summary>
    public IReadOnlyList<int> Multipliers { get; init; } = [1, 2, 4, 4];

    /// <summary>Residual blocks per level; the decoder has one more. Default 2.</summary>
    public int ResidualBlocks { get; init; } = 2;

    /// <summary>Which levels of the encoder also halve time; the decoder mirrors them.</summary>
    public IReadOnlyList<bool> TimeDownsample { get; init; } = [false, true, true];

    /// <summary>Mean of each latent channel; the defaults are those of the public Wan 2.1 VAE.</summary>
    public IReadOnlyList<double> Mean { get; init; } =
    [
        -0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503,
        -0.2921,
    ];

    /// <summary>Standard deviation of each latent channel.</summary>
    public IReadOnlyList<double> Deviation { get; init; } =
    [
        2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160,
    ];
}
