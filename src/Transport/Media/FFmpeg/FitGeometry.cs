namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Which part of the source goes to which part of the frame.</summary>
/// <param name="Source">Taken from the source picture.</param>
/// <param name="Target">Filled in the frame; what lies outside are bars.</param>
internal readonly record struct FitGeometry(PixelRect Source, PixelRect Target)
{
    /// <summary>Works out both rectangles.</summary>
    /// <param name="source">The picture; all of its pixels count as <paramref name="pixelAspect"/> wide and 1 high.</param>
    /// <param name="pixelAspect">Width of a source pixel over its height.</param>
    /// <param name="target">Size of the frame, whose pixels are square.</param>
    /// <param name="fit">What happens when the shapes differ.</param>
    /// <param name="chromaStep">Source offsets are multiples of this, so that colour stays in place under a cut edge.</param>
    public static FitGeometry Compute(
        (int Width, int Height) source, double pixelAspect, (int Width, int Height) target, FitMode fit, (int X, int Y) chromaStep)
    {
        var wholeSource = new PixelRect(0, 0, source.Width, source.Height);
        var wholeTarget = new PixelRect(0, 0, target.Width, target.Height);
        var sourceShape = source.Width * pixelAspect / source.Height;
        var targetShape = target.Width / (double)target.Height;
        return fit switch
        {
            FitMode.Crop => new FitGeometry(Cropped(source, sourceShape, targetShape, chromaStep), wholeTarget),
            FitMode.Letterbox => new FitGeometry(wholeSource, Boxed(target, sourceShape, targetShape)),
            _ => new FitGeometry(wholeSource, wholeTarget),
        };
    }

    /// <summary>The frame size that a request leads to: what is not asked follows from the source's shape, in even numbers.</summary>
    public static (int Width, int Height) ResolveSize((int Width, int Height) source, double pixelAspect, int? width, int? height)
    {
        var shownWidth = Math.Max(1, (int)Math.Round(source.Width * pixelAspect));
        return (width, height) switch
        {
            ({ } w, { } h) => (w, h),
            ({ } w, null) => (w, Even(w * (double)source.Height / shownWidth)),
            (null, { } h) => (Even(h * (double)shownWidth / source.Height), h),
            _ => (shownWidth, source.Height),
        };
    }

    private static PixelRect Cropped((int Width, int Height) source, double sourceShape, double targetShape, (int X, int Y) step)
    {
        if (sourceShape > targetShape)
        {
            var width = Math.Clamp((int)Math.Round(source.Width * targetShape / sourceShape), 1, source.Width);
            return new PixelRect(Aligned((source.Width - width) / 2, step.X), 0, width, source.Height);
        }

        var height = Math.Clamp((int)Math.Round(source.Height * sourceShape / targetShape), 1, source.Height);
        return new PixelRect(0, Aligned((source.Height - height) / 2, step.Y), source.Width, height);
    }

    private static PixelRect Boxed((int Width, int Height) target, double sourceShape, double targetShape)
    {
        if (sourceShape > targetShape)
        {
            var height = Math.Clamp((int)Math.Round(target.Height * targetShape / sourceShape), 1, target.Height);
            var (y, rows) = OnEvenEdges((target.Height - height) / 2, height, target.Height);
            return new PixelRect(0, y, target.Width, rows);
        }

        var width = Math.Clamp((int)Math.Round(target.Width * sourceShape / targetShape), 1, target.Width);
        var (x, columns) = OnEvenEdges((target.Width - width) / 2, width, target.Width);
        return new PixelRect(x, 0, columns, target.Height);
    }

    // Encoders keep one colour for two rows and columns: over an odd edge it would be a mixture, and the bar's last row not black.
    // Rounded so that bars do not get smaller; of a strip one or two rows thin, two rows are kept.
    private static (int Start, int Length) OnEvenEdges(int start, int length, int whole)
    {
        var (first, end) = ((start + 1) / 2 * 2, start + length == whole ? whole : (start + length) / 2 * 2);
        end = Math.Max(end, first + 2);
        return length < whole && end <= whole ? (first, end - first) : (start, length);
    }

    private static int Aligned(int offset, int step) => offset / step * step;

    private static int Even(double length) => Math.Max(2, (int)Math.Round(length / 2) * 2);
}
