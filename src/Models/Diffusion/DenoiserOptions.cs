using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Diffusion;

/// <summary>How a stream is denoised.</summary>
public sealed record DenoiserOptions
{
    /// <summary>Timesteps of the denoising steps, noisiest first. Live default: the first N of 700, 500, 400, 200.</summary>
    public required IReadOnlyList<double> Timesteps { get; init; }

    /// <summary>Sizes of the KV cache.</summary>
    public required CacheGeometry Geometry { get; init; }

    public KeyRotation Rotation { get; init; } = KeyRotation.Relative;

    /// <summary>Latent height / 2, H/16.</summary>
    public required int GridRows { get; init; }

    /// <summary>Latent width / 2, W/16.</summary>
    public required int GridColumns { get; init; }

    /// <summary>Shift of the flow-matching schedule. Default 8.</summary>
    public double Shift { get; init; } = 8;

    /// <summary>
    /// Published rotation only: the frame index at which it jumps back to the window's end, so that it never leaves the network's range; null never. Default 50.
    /// </summary>
    public int? RopeRefreshFrame { get; init; } = 50;
}
