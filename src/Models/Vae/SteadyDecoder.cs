using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// A decoder's pictures, with what changes by less than can be seen held back. A small autoencoder gives back every noise of the camera and
/// every small movement a little differently, and surfaces shimmer. A value that differs by d from the one shown before moves on by d *
/// clamp((d / limit)^2, <see cref="Least"/>, 1): at once where the picture changes, slowly where it is nearly the same. It trails a slow
/// fade by less than the limit, and lets cuts and changes of prompt through.
/// </summary>
internal sealed class SteadyDecoder : IVaeDecoder
{
    /// <summary>What is taken of the smallest difference, so that a picture at rest ends where the decoder wants it.</summary>
    private const double Least = 0.1;

    private readonly IVaeDecoder _decoder;
    private readonly Scalar _scale;
    private readonly Scalar _least = Scalars.Kept(Least);
    private Tensor? _shown;

    /// <param name="decoder">Becomes this one's.</param>
    /// <param name="limit">In 8-bit steps: a difference of so many passes at once.</param>
    public SteadyDecoder(IVaeDecoder decoder, double limit)
    {
        _decoder = decoder;
        // Pixels span 2 for 255 steps; squared, because it is compared with the difference squared.
        _scale = Scalars.Kept(Math.Pow(127.5 / limit, 2));
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
            _shown.addcmul_(frame, frame.pow(Scalars.Of(2)).mul_(_scale).clamp_(_least, Scalars.One), Scalars.One);
            frame.copy_(_shown);
        }
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
