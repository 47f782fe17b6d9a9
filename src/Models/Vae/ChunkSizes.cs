using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>What every VAE asks of a chunk.</summary>
internal static class ChunkSizes
{
    /// <param name="pixels">The pictures.</param>
    /// <param name="first">True for a stream's first chunk.</param>
    /// <param name="prepared">Pictures of the chunk that came before these. Default 0.</param>
    public static void CheckPixels(Tensor pixels, bool first, long prepared = 0)
    {
        CheckPictures(pixels);
        var frames = prepared + pixels.size(1);
        if (frames % 4 != (first ? 1 : 0))
            throw new ArgumentException(
                $"a {(first ? "first chunk has 1 + 4k" : "later chunk has 4k")} frames, not {frames}", nameof(pixels));
    }

    /// <summary>What every VAE asks of pictures, however many.</summary>
    public static void CheckPictures(Tensor pixels)
    {
        if (pixels.dim() != 5 || pixels.size(0) != 1 || pixels.size(2) != 3)
            throw new ArgumentException(
                $"pixels must be [1, frames, 3, height, width], not [{string.Join(", ", pixels.shape)}]", nameof(pixels));
        if (pixels.size(1) < 1)
            throw new ArgumentException("there is no picture", nameof(pixels));
        if (pixels.size(3) % 8 != 0 || pixels.size(4) % 8 != 0)
            throw new ArgumentException($"the picture size must be a multiple of 8, not {pixels.size(4)}x{pixels.size(3)}", nameof(pixels));
    }
}
