using StreamDiff.Models;
using StreamDiff.Models.Vae;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>What the autoencoder alone does to a clip, through the product's streaming calls.</summary>
internal static class VaeCheck
{
    private const int FramesPerChunk = 4;

    /// <summary>[frames, 3, H, W] in [0, 1] in host memory, there and back; frames beyond the last whole chunk are left out.</summary>
    public static Tensor RoundTrip(IVae vae, Tensor clip)
    {
        using var scope = NewDisposeScope();
        using var encoder = vae.OpenEncoder();
        using var decoder = vae.OpenDecoder();
        var parts = new List<Tensor>();
        for (var first = 0L; first + (first == 0 ? 1 : FramesPerChunk) <= clip.size(0); first += first == 0 ? 1 : FramesPerChunk)
        {
            var pixels = clip.narrow(0, first, first == 0 ? 1 : FramesPerChunk).to(vae.Device).mul(Scalars.Of(2f))
                .sub(Scalars.Of(1f)).unsqueeze(0);
            parts.Add(decoder.Decode(encoder.Encode(pixels))[0].add(Scalars.Of(1f), Scalars.One).div(Scalars.Of(2f))
                .clamp(Scalars.Of(0), Scalars.One).cpu());
        }
        return cat(parts).MoveToOuterDisposeScope();
    }
}
