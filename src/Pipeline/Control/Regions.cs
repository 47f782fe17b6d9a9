using StreamDiff.Pipeline.Stream;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Control;

/// <summary>Regions as maps over latents, a number for each place of [1, f, 16, h, w].</summary>
internal static class Regions
{
    /// <summary>Share of the stream's noise in each place; the caller's.</summary>
    public static Tensor Strength(RegionMap region, Tensor latents) =>
        Make(latents, Covers(region, latents), c => region.Outside + (region.Inside - region.Outside) * c);

    /// <summary>How much of each place the model makes: none of what is outside, where no noise is; the caller's.</summary>
    public static Tensor Weight(RegionMap region, Tensor latents) =>
        Make(latents, Covers(region, latents), c => region.Outside > 0 ? 1 : c);

    private static float[] Covers(RegionMap region, Tensor latents)
    {
        var (height, width) = ((int)latents.size(3), (int)latents.size(4));
        // Not drawn in the region itself, which keeps what pixels need.
        var values = new float[width * height];
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                values[row * width + column] =
                    (float)region.Covers((column + 0.5) / width, (row + 0.5) / height, (double)width / height);
        return values;
    }

    private static Tensor Make(Tensor latents, float[] covers, Func<double, double> value) =>
        tensor(Array.ConvertAll(covers, c => (float)value(c)), [1, 1, 1, latents.size(3), latents.size(4)]);
}
