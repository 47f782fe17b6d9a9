using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Vae;

/// <summary>
/// A decoder's pictures, with what changes by less than can be seen held back. A small autoencoder gives back every noise of the camera and
/// every small movement a little differently, and surfaces shimmer. A value that differs by d from the one shown before moves on by d *
/// clamp((r / limit)^2, <see cref="Least"/>, 1), where r is the root mean square of the differences around it: at once where the picture
/// changes, slowly where it is nearly the same. Judged by its own difference alone, a texture in motion would be given its large changes
/// and not its small ones. It trails a slow fade by less than the limit, and lets cuts and changes of prompt through.
/// </summary>
internal sealed class SteadyDecoder : IVaeDecoder
{
    /// <summary>What is taken of the smallest difference, so that a picture at rest ends where the decoder wants it.</summary>
    private const double Least = 0.1;

    // Pixels: wide enough that noise is not taken for change, narrow enough that little beside a thing in motion shimmers.
    private const int Reach = 2;
    private const int Values = 3 * (2 * Reach + 1) * (2 * Reach + 1);

    private readonly IVaeDecoder _decoder;
    private readonly Scalar _scale;
    private readonly Scalar _least = Scalars.Kept(Least);
    private Tensor? _shown;

    /// <param name="decoder">Becomes this one's.</param>
    /// <param name="limit">In 8-bit steps: differences of so many pass at once.</param>
    public SteadyDecoder(IVaeDecoder decoder, double limit)
    {
        _decoder = decoder;
        // Pixels span 2 for 255 steps; squared, and by so many values, because it is compared with a sum of squared differences.
        _scale = Scalars.Kept(Math.Pow(127.5 / limit, 2) / Values);
    }

    public Tensor Decode(Tensor latents)
    {
        using var scope = NewDisposeScope();
        var frames = _decoder.Decode(latents);
        Hold(frames);
        return frames.MoveToOuterDisposeScope();
    }

    public void DecodeInParts(Tensor latents, Action<Tensor> part) => _decoder.DecodeInParts(latents, frames =>
    {
        Hold(frames);
        part(frames);
    });

    private void Hold(Tensor frames)
    {
        using var scope = NewDisposeScope();
        for (var i = 0L; i < frames.size(1); i++)
        {
            var frame = frames[0, i];
            if (_shown is null)
            {
                _shown = frame.clone().DetachFromDisposeScope();
                continue;
            }
            frame.sub_(_shown);
            _shown.addcmul_(frame, Around(frame).mul_(_scale).clamp_(_least, Scalars.One), Scalars.One);
            frame.copy_(_shown);
        }
    }

    // Squares of a frame's differences [3, H, W], summed over channels and a square around each pixel: [1, H, W]. Additions of whole
    // pictures, for pooling takes five times as long on a CPU.
    private static Tensor Around(Tensor difference) => Sums(Sums(
        F.pad(difference.pow(Scalars.Of(2)).sum([0], keepdim: true), [Reach, Reach, Reach, Reach], PaddingModes.Replicate), 2), 1);

    // Of five neighbours along a dimension.
    private static Tensor Sums(Tensor x, int dimension)
    {
        var count = x.size(dimension) - 2 * Reach;
        var pairs = From(x, 0, count + 3).add(From(x, 1, count + 3), Scalars.One);
        return From(pairs, 0, count).add(From(pairs, 2, count), Scalars.One).add_(From(x, 4, count), Scalars.One);

        Tensor From(Tensor all, long first, long length) => all.narrow(dimension, first, length);
    }

    public void Reset()
    {
        _decoder.Reset();
        _shown?.Dispose();
        _shown = null;
    }

    public void Dispose()
    {
        _decoder.Dispose();
        _shown?.Dispose();
        _scale.Dispose();
        _least.Dispose();
    }
}
