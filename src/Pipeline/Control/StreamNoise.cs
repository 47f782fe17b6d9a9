using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Scheduling.Noise;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>
/// Mixes keyed noise into the chunks of one stream whose noise scale and seed change, less of it the faster the picture moves.
/// </summary>
/// <param name="options">Constants of the controller; null where nothing but noise is wanted (text-to-video).</param>
/// <param name="noise">Noise by seed, chunk and step; stays the caller's.</param>
internal sealed class StreamNoise(NoiseOptions? options, IKeyedNoise noise)
{
    private double? _scale;

    /// <summary>The noisy chunk, and the timestep of its first denoising step; null for the schedule's own.</summary>
    /// <param name="state">Settings of the chunk.</param>
    /// <param name="chunk">Its number.</param>
    /// <param name="latents">Stay the caller's.</param>
    /// <param name="motion">See <see cref="Stream.LatentChunk.Motion"/>.</param>
    /// <param name="strength">See <see cref="Regions.Strength"/>; stays the caller's.</param>
    public (Tensor Noisy, double? FirstTimestep) Apply(
        ControlState state, long chunk, Tensor latents, double motion, Tensor? strength = null)
    {
        if (options is null)
            return (noise.Draw(state.Seed, chunk, 0, latents.shape), null);
        double? timestep = null;
        if (_scale is { } before)
        {
            var decision = NoiseController.Next(options with { Scale = state.NoiseScale }, before, motion);
            (_scale, timestep) = (decision.Scale, decision.FirstTimestep);
        }
        _scale ??= state.NoiseScale;

        using var scope = NewDisposeScope();
        using Scalar share = Scalars.Kept(_scale.Value);
        using Scalar rest = Scalars.Kept(1 - _scale.Value);
        var drawn = noise.Draw(state.Seed, chunk, 0, latents.shape);
        if (strength is not null)
        {
            var shares = strength.to(drawn.device).mul(share);
            var plain = latents.to(drawn.device);
            return (drawn.sub_(plain).mul_(shares).add_(plain, Scalars.One).MoveToOuterDisposeScope(), timestep);
        }
        var noisy = drawn.mul_(share).add_(latents.to(drawn.device).mul(rest), Scalars.One);
        return (noisy.MoveToOuterDisposeScope(), timestep);
    }
}
