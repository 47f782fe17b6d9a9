using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Stream;

/// <summary>What a picture looks like in a few numbers: means and spread of its colours, and how fine it is; of every fourth row and
/// column.</summary>
/// <param name="Red">Mean, 0 to 1.</param>
/// <param name="Green">The same.</param>
/// <param name="Blue">The same.</param>
/// <param name="Contrast">Standard deviation of its brightness, 0 to 0.5.</param>
/// <param name="Detail">Mean difference of neighbouring pixels, 0 to 1.</param>
internal readonly record struct PictureLook(double Red, double Green, double Blue, double Contrast, double Detail)
{
    private const int Step = 4;

    public static PictureLook Of(VideoFrame frame)
    {
        var pixels = frame.Pixels;
        var stride = 3 * frame.Width;
        var (red, green, blue, bright, squares, detail, count) = (0L, 0L, 0L, 0L, 0L, 0L, 0L);
        for (var y = 0; y < frame.Height - 1; y += Step)
            for (var x = 0; x < frame.Width - 1; x += Step)
            {
                var at = y * stride + 3 * x;
                var sum = pixels[at] + pixels[at + 1] + pixels[at + 2];
                (red, green, blue) = (red + pixels[at], green + pixels[at + 1], blue + pixels[at + 2]);
                (bright, squares, count) = (bright + sum, squares + (long)sum * sum, count + 1);
                detail += Math.Abs(pixels[at + 3] - pixels[at]) + Math.Abs(pixels[at + stride + 1] - pixels[at + 1]);
            }
        var all = 255.0 * Math.Max(1, count);
        var mean = bright / all / 3;
        return new PictureLook(
            red / all, green / all, blue / all, Math.Sqrt(Math.Max(0, squares / all / 255 / 9 - mean * mean)), detail / all / 2);
    }

    public static PictureLook operator -(PictureLook a, PictureLook b) =>
        new(a.Red - b.Red, a.Green - b.Green, a.Blue - b.Blue, a.Contrast - b.Contrast, a.Detail - b.Detail);

    public static PictureLook operator +(PictureLook a, PictureLook b) =>
        new(a.Red + b.Red, a.Green + b.Green, a.Blue + b.Blue, a.Contrast + b.Contrast, a.Detail + b.Detail);

    public static PictureLook operator *(PictureLook a, double b) => new(a.Red * b, a.Green * b, a.Blue * b, a.Contrast * b, a.Detail * b);
}
