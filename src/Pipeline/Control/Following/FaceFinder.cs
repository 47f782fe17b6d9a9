using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Control.Following;

/// <summary>
/// Looks for faces that look into the camera, at least as large as the cascade's window (45 pixels) and an eighth of the picture. For one
/// thread at a time.
/// </summary>
/// <param name="cascade">What faces look like.</param>
internal sealed class FaceFinder(FaceCascade cascade)
{
    // Larger pictures are made smaller first: nothing smaller than an eighth of them is looked for.
    private const int Rows = 360;
    private const double Smallest = 8;
    private const double Growth = 1.1;

    // How far windows on the same face may lie apart, in shares of their size.
    private const double Alike = 0.25;

    private byte[] _grey = [];
    private byte[] _small = [];
    private int[] _sums = [];

    /// <summary>Faces of a frame, the largest first.</summary>
    public IReadOnlyList<FaceBox> Find(VideoFrame frame)
    {
        var (width, height) = Reduce(frame);
        var found = new List<(double X, double Y, double Width, double Height)>();
        var largest = Math.Min((double)height / cascade.Height, (double)width / cascade.Width);
        for (var scale = Math.Max(1, height / Smallest / cascade.Height); scale <= largest; scale *= Growth)
            Look(width, height, scale, found);
        return
        [
            .. Grouped(found).Select(b => new FaceBox(b.X / width, b.Y / height, b.Width / width, b.Height / height, b.Count))
                .OrderByDescending(b => b.Width * b.Height),
        ];
    }

    // Grey, and no larger than is needed: means of as many pixels as become one.
    private (int Width, int Height) Reduce(VideoFrame frame)
    {
        var step = Math.Max(1, frame.Height / Rows);
        var (width, height) = (frame.Width / step, frame.Height / step);
        if (_grey.Length < width * height)
            (_grey, _small, _sums) = (new byte[width * height], new byte[width * height], new int[(width + 1) * (height + 1)]);
        var pixels = frame.Pixels;
        for (var y = 0; y < height; y++)
            for (var x = 0; x < width; x++)
            {
                var sum = 0;
                for (var row = 0; row < step; row++)
                {
                    var at = 3 * ((y * step + row) * frame.Width + x * step);
                    for (var column = 0; column < step; column++, at += 3)
                        sum += 77 * pixels[at] + 150 * pixels[at + 1] + 29 * pixels[at + 2];
                }
                _grey[y * width + x] = (byte)(sum / (256 * step * step));
            }
        return (width, height);
    }

    private void Look(int fullWidth, int fullHeight, double scale, List<(double X, double Y, double Width, double Height)> found)
    {
        var (width, height) = ((int)(fullWidth / scale), (int)(fullHeight / scale));
        if (width < cascade.Width || height < cascade.Height)
            return;
        Shrink(fullWidth, fullHeight, width, height);
        var stride = Sum(width, height);
        // In a large picture every second place is enough.
        var step = scale < 2 ? 2 : 1;
        for (var y = 0; y + cascade.Height <= height; y += step)
            for (var x = 0; x + cascade.Width <= width; x += step)
                if (IsFace(y * stride + x, stride))
                    found.Add((x * scale, y * scale, cascade.Width * scale, cascade.Height * scale));
    }

    private void Shrink(int fullWidth, int fullHeight, int width, int height)
    {
        for (var y = 0; y < height; y++)
        {
            var (top, down) = Between(y, height, fullHeight);
            for (var x = 0; x < width; x++)
            {
                var (left, right) = Between(x, width, fullWidth);
                var at = top * fullWidth + left;
                var (above, below) = (
                    _grey[at] + (_grey[at + 1] - _grey[at]) * right,
                    _grey[at + fullWidth] + (_grey[at + fullWidth + 1] - _grey[at + fullWidth]) * right);
                _small[y * width + x] = (byte)(above + (below - above) * down + 0.5f);
            }
        }
    }

    // The pixel before a place, and how far it is behind it.
    private static (int First, float Share) Between(int place, int count, int full)
    {
        var at = Math.Clamp((place + 0.5f) * full / count - 0.5f, 0, full - 1.001f);
        return ((int)at, at - (int)at);
    }

    // Of all that is above and left of a place.
    private int Sum(int width, int height)
    {
        var stride = width + 1;
        _sums.AsSpan(0, stride).Clear();
        for (var y = 0; y < height; y++)
        {
            var (row, at) = (0, (y + 1) * stride);
            _sums[at] = 0;
            for (var x = 0; x < width; x++)
            {
                row += _small[y * width + x];
                _sums[at + x + 1] = _sums[at + x + 1 - stride] + row;
            }
        }
        return stride;
    }

    private bool IsFace(int at, int stride)
    {
        foreach (var stage in cascade.Stages)
        {
            var sum = 0f;
            foreach (ref readonly var part in stage.Parts.AsSpan())
            {
                var pattern = Pattern(at + part.Y * stride + part.X, part.Width, part.Height * stride);
                sum += (part.Patterns[pattern >> 5] >> (pattern & 31) & 1) != 0 ? part.Among : part.Other;
            }
            if (sum < stage.Threshold)
                return false;
        }
        return true;
    }

    // The blocks around the middle one, clockwise from the upper left: the first is the highest bit.
    private int Pattern(int at, int wide, int high)
    {
        int Block(int column, int row)
        {
            var corner = at + column * wide + row * high;
            return _sums[corner] - _sums[corner + wide] - _sums[corner + high] + _sums[corner + high + wide];
        }
        var middle = Block(1, 1);
        int Bit(int column, int row, int bit) => Block(column, row) >= middle ? 1 << bit : 0;
        return Bit(0, 0, 7) | Bit(1, 0, 6) | Bit(2, 0, 5) | Bit(2, 1, 4) | Bit(2, 2, 3) | Bit(1, 2, 2) | Bit(0, 2, 1) | Bit(0, 1, 0);
    }

    // Windows that lie on each other are one face, at their mean.
    private static List<(double X, double Y, double Width, double Height, int Count)> Grouped(
        List<(double X, double Y, double Width, double Height)> found)
    {
        var groups = new List<(double X, double Y, double Width, double Height, int Count)>();
        foreach (var (x, y, width, height) in found)
        {
            var known = groups.FindIndex(g => IsAlike((g.X / g.Count, g.Y / g.Count, g.Width / g.Count), (x, y, width)));
            if (known < 0)
                groups.Add((x, y, width, height, 1));
            else
            {
                var group = groups[known];
                groups[known] = (group.X + x, group.Y + y, group.Width + width, group.Height + height, group.Count + 1);
            }
        }
        return groups.ConvertAll(g => (g.X / g.Count, g.Y / g.Count, g.Width / g.Count, g.Height / g.Count, g.Count));
    }

    private static bool IsAlike((double X, double Y, double Width) a, (double X, double Y, double Width) b)
    {
        var (near, middle) = (Alike * (a.Width + b.Width) / 2, (b.Width - a.Width) / 2);
        return Math.Abs(b.X + middle - a.X) <= near && Math.Abs(b.Y + middle - a.Y) <= near
            && Math.Max(a.Width, b.Width) <= 1.6 * Math.Min(a.Width, b.Width);
    }
}
