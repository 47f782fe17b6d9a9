using System.Globalization;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>The filters that bring a decoded picture to the wanted size, upright, with square pixels, as RGB.</summary>
internal static class PictureFilters
{
    /// <param name="coded">Size of the decoded picture.</param>
    /// <param name="pixelAspect">Width of a pixel relative to its height.</param>
    /// <param name="quarterTurns">Clockwise quarter turns that put it upright, 0 to 3.</param>
    /// <param name="size">Wanted size.</param>
    /// <param name="fit">How other shapes are fitted.</param>
    /// <param name="frameRate">Constant rate, or null.</param>
    /// <param name="assumeHd">True when an unmarked picture should be taken as BT.709, as players do from 720 lines on.</param>
    public static string Chain((int Width, int Height) coded, Rational pixelAspect, int quarterTurns, (int Width, int Height) size, FitMode fit, Rational? frameRate, bool assumeHd)
    {
        var filters = new List<string>();
        if (frameRate is { } rate)
            filters.Add($"fps=fps={rate.Numerator}/{rate.Denominator}");
        filters.AddRange(quarterTurns switch
        {
            1 => ["transpose=clock"],
            2 => ["hflip", "vflip"],
            3 => ["transpose=cclock"],
            _ => (string[])[],
        });

        var (width, height, aspect) = Upright(coded, pixelAspect, quarterTurns);
        var inner = size;
        var shape = width * aspect / height;
        var wanted = (double)size.Width / size.Height;
        if (fit == FitMode.Crop && Math.Abs(shape / wanted - 1) > 1e-3)
        {
            var (w, h) = shape > wanted ? (Even(width * wanted / shape), height) : (width, Even(height * shape / wanted));
            filters.Add($"crop={w}:{h}");
        }
        else if (fit == FitMode.Letterbox)
        {
            inner = shape > wanted ? (size.Width, Math.Min(Even(size.Width / shape), size.Height)) : (Math.Min(Even(size.Height * shape), size.Width), size.Height);
        }

        filters.Add($"scale={inner.Width}:{inner.Height}:flags=bicubic{(assumeHd ? ":in_color_matrix=bt709" : "")}");
        filters.Add("format=rgb24");
        if (inner != size)
            filters.Add($"pad={size.Width}:{size.Height}:(ow-iw)/2:(oh-ih)/2:black");
        filters.Add("setsar=1");
        return string.Join(',', filters);
    }

    /// <summary>The size with square pixels, upright, even numbers.</summary>
    public static (int Width, int Height) SquareSize((int Width, int Height) coded, Rational pixelAspect, int quarterTurns)
    {
        var (width, height, aspect) = Upright(coded, pixelAspect, quarterTurns);
        return (Even(width * aspect), Even(height));
    }

    private static (int Width, int Height, double Aspect) Upright((int Width, int Height) coded, Rational pixelAspect, int quarterTurns)
    {
        var aspect = pixelAspect is { Numerator: > 0, Denominator: > 0 } ? pixelAspect.Value : 1;
        return quarterTurns % 2 == 1 ? (coded.Height, coded.Width, 1 / aspect) : (coded.Width, coded.Height, aspect);
    }

    private static int Even(double value) => Math.Max(2, (int)Math.Round(value / 2) * 2);
}
