using StreamDiff.Models;
using StreamDiff.Scheduling.Noise;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification.Published;

/// <summary>Mixes noise into the latents of one stream, less of it the faster the picture moves.</summary>
/// <param name="options">Constants of the controller; null where nothing but noise is wanted (text-to-video).</param>
/// <param name="noise">Where the noise comes from.</param>
internal sealed class ChunkNoiser(NoiseOptions? options, INoiseSource noise)
{
    private double _scale = options?.Scale ?? 1;
    private bool _started;

    /// <summary>Largest share of noise from now on; the controller moves to it. Has no effect where nothing but noise is wanted.</summary>
    public double LargestScale
    {
        set => options = options is null ? null : options with { Scale = value };
    }

    /// <summary>The noisy chunk and the first denoising timestep, which is the schedule's own (null) for the first chunk.</summary>
    public (Tensor Noisy, double? FirstTimestep) Apply(Tensor latents, double motion)
    {
        if (options is null)
            return (noise.Draw(latents.shape), null);
        double? timestep = null;
        if (_started)
        {
            var decision = NoiseController.Next(options, _scale, motion);
            _scale = decision.Scale;
            timestep = decision.FirstTimestep;
        }
        _started = true;

        using var scope = NewDisposeScope();
        using Scalar share = Scalars.Kept(_scale);
        using Scalar rest = Scalars.Kept(1 - _scale);
        var noisy = noise.Draw(latents.shape).mul_(share).add_(latents.mul(rest), Scalars.One);
        return (noisy.MoveToOuterDisposeScope(), timestep);
    }

    /// <summary>Pure noise, to push what is in flight out of the stream batch.</summary>
    public Tensor PureNoise(ReadOnlySpan<long> shape) => noise.Draw(shape);
}
