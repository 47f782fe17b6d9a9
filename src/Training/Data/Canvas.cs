namespace StreamDiff.Training.Data;

/// <summary>A picture of float RGB in [0, 1], three values a pixel, row after row.</summary>
internal sealed class Canvas(int width, int height)
{
    public int Width => width;

    public int Height => height;

    public float[] Rgb { get; } = new float[3 * width * height];

    public void Set(int x, int y, Colour colour)
    {
        var at = 3 * (y * width + x);
        (Rgb[at], Rgb[at + 1], Rgb[at + 2]) = (colour.R, colour.G, colour.B);
    }

    /// <summary>Lays a colour over a pixel; cover is from 0 to 1.</summary>
    public void Blend(int x, int y, Colour colour, float cover)
    {
        var at = 3 * (y * width + x);
        Rgb[at] += (colour.R - Rgb[at]) * cover;
        Rgb[at + 1] += (colour.G - Rgb[at + 1]) * cover;
        Rgb[at + 2] += (colour.B - Rgb[at + 2]) * cover;
    }

    /// <summary>The picture between its pixels, mirrored beyond its edges.</summary>
    public Colour Sample(float x, float y)
    {
        x = Mirror(x, width - 1);
        y = Mirror(y, height - 1);
        var (x0, y0) = ((int)x, (int)y);
        var (fx, fy) = (x - x0, y - y0);
        var x1 = Math.Min(x0 + 1, width - 1);
        var y1 = Math.Min(y0 + 1, height - 1);
        var (a, b, c, d) = (3 * (y0 * width + x0), 3 * (y0 * width + x1), 3 * (y1 * width + x0), 3 * (y1 * width + x1));
        return new Colour(Mix(0), Mix(1), Mix(2));

        float Mix(int channel)
        {
            var top = Rgb[a + channel] + (Rgb[b + channel] - Rgb[a + channel]) * fx;
            var bottom = Rgb[c + channel] + (Rgb[d + channel] - Rgb[c + channel]) * fx;
            return top + (bottom - top) * fy;
        }
    }

    private static float Mirror(float v, float last)
    {
        if (v >= 0 && v <= last)
            return v;
        v = Math.Abs(v) % (2 * last);
        return v > last ? 2 * last - v : v;
    }
}

/// <summary>RGB in [0, 1].</summary>
internal readonly record struct Colour(float R, float G, float B)
{
    public static Colour Grey(float v) => new(v, v, v);

    public Colour Scaled(float gain) => new(Limit(R * gain), Limit(G * gain), Limit(B * gain));

    public static Colour Mix(Colour a, Colour b, float share) =>
        new(a.R + (b.R - a.R) * share, a.G + (b.G - a.G) * share, a.B + (b.B - a.B) * share);

    /// <param name="hue">In turns.</param>
    /// <param name="saturation">0 to 1.</param>
    /// <param name="value">0 to 1.</param>
    public static Colour FromHsv(float hue, float saturation, float value)
    {
        return new Colour(Part(5), Part(3), Part(1));

        float Part(float n)
        {
            var k = (n + 6 * (hue - MathF.Floor(hue))) % 6;
            return value - value * saturation * Math.Clamp(Math.Min(k, 4 - k), 0, 1);
        }
    }

    private static float Limit(float v) => Math.Clamp(v, 0, 1);
}
