using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control.Following;

/// <summary>One face from chunk to chunk: the largest, the same one while it is there, smoothed, and held for a while when it is not found.
/// For one thread.</summary>
internal sealed class FaceTrack
{
    // Seconds in which it comes two thirds of the way nearer, and for which it is held.
    private const double Smooth = 0.2;
    private const double Held = 2;

    // What a single window takes for a face is one where a face was before, and none elsewhere.
    private const int LeastWindows = 2;
    private const double Certain = 4;

    // Another one takes its place only where it is so much larger.
    private const double Loyalty = 2;

    // Less is not seen, and would only fill the log.
    private const double LeastMove = 0.004;

    // A detector's box goes from brows to chin.
    private const double WideByBox = 0.56;
    private const double HighByBox = 0.72;

    private static readonly (double, double, double, double) Nowhere = (-1, -1, 0.01, 0.01);

    private FaceBox? _face;
    private double _missed;
    private (double X, double Y, double Width, double Height)? _told;

    /// <summary>The next chunk.</summary>
    /// <param name="faces">What was found in it.</param>
    /// <param name="seconds">How long it is.</param>
    /// <returns>Middle and half axes of an ellipse around the face, outside of the picture where there is none; null where it is as
    /// before.</returns>
    public (double X, double Y, double Width, double Height)? Next(IReadOnlyList<FaceBox> faces, double seconds)
    {
        var likely = faces.Where(f => f.Windows >= LeastWindows || IsSame(f)).ToList();
        if (likely.Count > 0)
        {
            var next = likely.MaxBy(f => f.Width * f.Height * (IsSame(f) ? Loyalty : 1));
            // What few windows agree on lies less exactly.
            var share = (1 - Math.Exp(-seconds / Smooth)) * Math.Min(1, next.Windows / Certain);
            _face = _face is { } before && IsSame(next) ? Between(before, next, share) : next;
            _missed = 0;
        }
        else if ((_missed += seconds) > Held)
        {
            _face = null;
        }
        var now = _face is { } face ? Around(face) : Nowhere;
        if (_told is { } told && Math.Max(Math.Max(Math.Abs(told.X - now.Item1), Math.Abs(told.Y - now.Item2)),
            Math.Max(Math.Abs(told.Width - now.Item3), Math.Abs(told.Height - now.Item4))) < LeastMove)
            return null;
        _told = now;
        return now;
    }

    private bool IsSame(FaceBox face) => _face is { } known
        && Math.Abs(known.Middle.X - face.Middle.X) < (known.Width + face.Width) / 2
        && Math.Abs(known.Middle.Y - face.Middle.Y) < (known.Height + face.Height) / 2;

    private static FaceBox Between(FaceBox a, FaceBox b, double share) => new(
        a.X + (b.X - a.X) * share, a.Y + (b.Y - a.Y) * share, a.Width + (b.Width - a.Width) * share,
        a.Height + (b.Height - a.Height) * share, b.Windows);

    private static (double X, double Y, double Width, double Height) Around(FaceBox face) => (
        Math.Round(face.Middle.X, 4), Math.Round(face.Middle.Y, 4), Math.Round(WideByBox * face.Width, 4),
        Math.Round(HighByBox * face.Height, 4));
}
