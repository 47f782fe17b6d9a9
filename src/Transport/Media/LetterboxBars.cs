using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Media;

/// <summary>What lies around the source's picture in a packed RGB24 frame.</summary>
internal static class LetterboxBars
{
    /// <summary>Makes everything outside of the content black.</summary>
    public static void Blacken(Span<byte> pixels, int width, PixelRect content)
    {
        var frame = MemoryMarshal.Cast<byte, Rgb>(pixels);
        frame[..(content.Y * width)].Clear();
        frame[((content.Y + content.Height) * width)..].Clear();
        if (content.Width == width)
        {
            return;
        }

        for (var y = content.Y; y < content.Y + content.Height; y++)
        {
            var row = frame.Slice(y * width, width);
            row[..content.X].Clear();
            row[(content.X + content.Width)..].Clear();
        }
    }

    /// <summary>Continues the content to the frame's edges by its outermost pixels.</summary>
    public static void Extend(Span<byte> pixels, int width, PixelRect content)
    {
        var frame = MemoryMarshal.Cast<byte, Rgb>(pixels);
        var (top, bottom) = (content.Y, content.Y + content.Height - 1);
        for (var y = top; y <= bottom && content.Width < width; y++)
        {
            var row = frame.Slice(y * width, width);
            row[..content.X].Fill(row[content.X]);
            row[(content.X + content.Width)..].Fill(row[content.X + content.Width - 1]);
        }

        var first = frame.Slice(top * width, width);
        var last = frame.Slice(bottom * width, width);
        for (var y = 0; y < top; y++)
        {
            first.CopyTo(frame.Slice(y * width, width));
        }

        for (var y = bottom + 1; y < frame.Length / width; y++)
        {
            last.CopyTo(frame.Slice(y * width, width));
        }
    }

    private readonly record struct Rgb(byte R, byte G, byte B);
}
