namespace StreamDiff.Pipeline.Stream;

/// <summary>A colour that stays as it came, for a program behind this one to key out.</summary>
/// <param name="Rgb">0xRRGGBB.</param>
/// <param name="Tolerance">Distance of colours without brightness up to which it counts, 0 to 1; half of it is a soft edge.</param>
public readonly record struct KeyColor(int Rgb, double Tolerance);

/// <summary>What of a picture is the model's, and what is the input's own.</summary>
/// <param name="Mix">Share of the model's picture, 0 to 1.</param>
/// <param name="Region">Outside of it the input stays; null for everywhere.</param>
/// <param name="Key">Where the input has that colour it stays; null for none.</param>
/// <param name="IsCutOut">True where that colour becomes transparent, in place of staying.</param>
internal sealed record FrameLayers(double Mix, RegionMap? Region, KeyColor? Key, bool IsCutOut = false)
{
    /// <summary>Lays the model's picture over the input's.</summary>
    /// <param name="made">The model's, packed RGB; becomes the result.</param>
    /// <param name="input">The input's, of the same size.</param>
    /// <param name="width">Of both.</param>
    /// <param name="height">Of both.</param>
    /// <param name="alpha">How much of each pixel is there, 0 to 255; empty where nothing can be taken out.</param>
    /// <param name="frame">Which frame of its chunk it is, from 0.</param>
    /// <param name="count">Frames of the chunk.</param>
    public void Apply(
        Span<byte> made, ReadOnlySpan<byte> input, int width, int height, Span<byte> alpha = default, int frame = 0, int count = 1)
    {
        var covers = Region?.Draw(width, height, Region.FrameOf(frame, count));
        for (var pixel = 0; pixel < width * height; pixel++)
        {
            var at = 3 * pixel;
            var share = (float)Mix * (covers is null ? 1 : covers[pixel]);
            if (Key is { } key && (share > 0 || IsCutOut))
            {
                var away = Away(key, input[at], input[at + 1], input[at + 2]);
                if (!IsCutOut)
                    share *= away;
                else if (!alpha.IsEmpty)
                    alpha[pixel] = (byte)(255 * away + 0.5f);
            }
            if (share >= 1)
                continue;
            for (var c = at; c < at + 3; c++)
                made[c] = share <= 0 ? input[c] : (byte)(input[c] + (made[c] - input[c]) * share + 0.5f);
        }
    }

    // 0 at the colour, 1 away from it: by its blue and red differences (BT.601), so that shadows on a screen count as it.
    private static float Away(KeyColor key, int red, int green, int blue)
    {
        var (b, r) = Differences(red, green, blue);
        var (kb, kr) = Differences(key.Rgb >> 16 & 255, key.Rgb >> 8 & 255, key.Rgb & 255);
        var distance = MathF.Sqrt((b - kb) * (b - kb) + (r - kr) * (r - kr));
        var tolerance = (float)Math.Max(key.Tolerance, 1e-3);
        return Math.Clamp((distance - tolerance / 2) / (tolerance / 2), 0, 1);
    }

    private static (float Blue, float Red) Differences(int red, int green, int blue) => (
        (-0.169f * red - 0.331f * green + 0.5f * blue) / 255, (0.5f * red - 0.419f * green - 0.081f * blue) / 255);
}
