namespace StreamDiff.Scheduling.Noise;

/// <summary>Constants of the motion-aware noise controller; the defaults are the published implementation's.</summary>
public sealed record NoiseOptions
{
    /// <summary>
    /// Share of noise for a still picture, s_max, 0 to 1. Default 0.8. More restyles more freely, less follows the input more closely.
    /// </summary>
    public double Scale { get; init; } = 0.8;

    /// <summary>How much less noise the fastest motion gets, s_max - s_min. Default 0.1.</summary>
    public double Range { get; init; } = 0.1;

    /// <summary>Motion that counts as fastest, as RMS difference of neighbouring frames in [-1, 1]. Default 0.2.</summary>
    public double ReferenceMotion { get; init; } = 0.2;

    /// <summary>Weight of the new value against the one before, lambda. Default 0.9.</summary>
    public double Momentum { get; init; } = 0.9;

    /// <summary>How far the first denoising timestep stays below 1000 * scale. Default 100.</summary>
    public int TimestepOffset { get; init; } = 100;
}
