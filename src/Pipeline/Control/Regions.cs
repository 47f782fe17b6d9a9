using StreamDiff.Pipeline.Stream;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>Regions as maps over latents.</summary>
internal static class Regions
{
    /// <summary>
    /// How strongly each place of [1, f, 16, h, w] is repainted: its share of the stream's noise, and of what the model makes of it.
    /// </summary>
    /// <returns>float32 [1, 1, 1, h, w] in host memory; the caller's.</returns>
    public static Tensor Strength(RegionMap region, Tensor latents)
    {
        var (height, width) = ((int)latents.size(3), (int)latents.size(4));
        // Not drawn in the region itself, which keeps what pixels need.
        var values = new float[width * height];
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
            {
                var covers = region.Covers((column + 0.5) / width, (row + 0.5) / height, (double)width / height);
                values[row * width + column] = (float)(region.Outside + (region.Inside - region.Outside) * covers);
            }
        return tensor(values, [1, 1, 1, height, width]);
    }
}
