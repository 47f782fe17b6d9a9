namespace StreamDiff.Scheduling.Noise;

/// <summary>Noise of one chunk.</summary>
/// <param name="Scale">Share of noise in the noisy latent: scale * noise + (1 - scale) * latent.</param>
/// <param name="FirstTimestep">Timestep of the first denoising step.</param>
public readonly record struct NoiseDecision(double Scale, int FirstTimestep);

/// <summary>
/// Motion-aware noise (StreamDiffusionV2, arXiv 2511.07399): the faster the picture moves, the less noise it gets and the more closely the
/// input is followed.
/// </summary>
public static class NoiseController
{
    /// <summary>The noise of the next chunk.</summary>
    /// <param name="options">Constants.</param>
    /// <param name="previousScale">Scale of the chunk before; the options' own at the start of a stream.</param>
    /// <param name="motion">Largest RMS difference of neighbouring frames in the chunk, in [-1, 1] pixel units, the frame before the chunk
    /// included.</param>
    public static NoiseDecision Next(NoiseOptions options, double previousScale, double motion)
    {
        var relative = Math.Clamp(motion / options.ReferenceMotion, 0, 1);
        var scale = options.Momentum * (options.Scale - options.Range * relative) + (1 - options.Momentum) * previousScale;
        return new NoiseDecision(scale, Math.Max((int)(1000 * scale) - options.TimestepOffset, 0));
    }
}
