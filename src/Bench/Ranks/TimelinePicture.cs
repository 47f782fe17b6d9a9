using System.Globalization;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Stills;

namespace StreamDiff.Bench.Ranks;

/// <summary>
/// A picture of what the ranks of a ring do when: a row for each rank, time to the right, ticks in alternating colours, waiting left empty.
/// </summary>
public static class TimelinePicture
{
    private const int Width = 1600;
    private const int Left = 90;
    private const int RowHeight = 48;
    private const int Gap = 14;
    private const int Axis = 36;
    private const int Scale = 3;
    private const int GlyphWidth = 3;
    private static readonly byte[][] Compute = [[66, 133, 244], [25, 84, 166]];
    private static readonly byte[] Other = [251, 188, 4];
    private static readonly byte[] Copy = [219, 68, 55];
    private static readonly byte[] Ink = [60, 60, 60];
    private static readonly byte[] Grid = [225, 225, 225];

    private const string Characters = "0123456789ranksm.";

    // Three by five pixels each, the top row in the highest bits.
    private static readonly int[] Glyphs =
    [
        0b111_101_101_101_111, 0b010_110_010_010_111, 0b111_001_111_100_111, 0b111_001_111_001_111, 0b101_101_111_001_001,
        0b111_100_111_001_111, 0b111_100_111_101_111, 0b111_001_001_010_010, 0b111_101_111_101_111, 0b111_101_111_001_111,
        0b000_000_111_100_100, 0b000_011_101_101_011, 0b000_000_110_101_101, 0b100_101_110_101_101, 0b000_011_110_011_110,
        0b000_000_111_111_101, 0b000_000_000_000_010,
    ];

    /// <summary>Draws some ticks of a measurement: blocks blue, embedding and head yellow, copies to the device red.</summary>
    /// <param name="path">PNG file to write.</param>
    /// <param name="ticks">Consecutive ticks.</param>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void Write(string path, IReadOnlyList<MeasuredTick> ticks)
    {
        var ranks = ticks[0].Ranks.Count;
        var height = ranks * (RowHeight + Gap) + Gap + Axis;
        var canvas = new Canvas(Width, height);
        var start = ticks.Min(t => t.Ranks.Min(r => r.Start));
        var end = ticks.Max(t => t.Ranks.Max(r => r.Start + r.Receive + r.Blocks + r.Other));
        int X(long time) => Left + (int)((time - start) * (double)(Width - Left - 20) / (end - start));

        DrawAxis(canvas, end - start, time => X(start + time), height);
        for (var rank = 0; rank < ranks; rank++)
            canvas.Text($"rank {rank}", 8, Gap + rank * (RowHeight + Gap) + RowHeight / 2 - 7);
        for (var tick = 0; tick < ticks.Count; tick++)
        {
            for (var rank = 0; rank < ranks; rank++)
            {
                var timing = ticks[tick].Ranks[rank];
                var top = Gap + rank * (RowHeight + Gap);
                var received = timing.Start + timing.Receive;
                // Rank 0 embeds before its blocks, the last one has the head after them.
                var embedded = rank == 0 ? received + timing.Other : received;
                canvas.Fill(X(timing.Start), X(received), top, RowHeight, Copy);
                canvas.Fill(X(received), X(embedded), top, RowHeight, Other);
                canvas.Fill(X(embedded), X(embedded + timing.Blocks), top, RowHeight, Compute[tick % 2]);
                if (rank > 0)
                    canvas.Fill(X(embedded + timing.Blocks), X(embedded + timing.Blocks + timing.Other), top, RowHeight, Other);
                canvas.Text(tick.ToString(CultureInfo.InvariantCulture), X(embedded) + 4, top + RowHeight / 2 - 7, white: true);
            }
        }
        StillWriter.Write(path, canvas.Pixels, Width, height);
    }

    private static void DrawAxis(Canvas canvas, long span, Func<long, int> x, int height)
    {
        var step = 1_000_000L;
        while (span / step > 12)
            step *= 2;
        for (var time = 0L; time <= span; time += step)
        {
            canvas.Fill(x(time), x(time) + 1, 0, height - Axis + 6, Grid);
            canvas.Text($"{time / 1_000_000} ms", x(time) - 8, height - Axis + 12);
        }
    }

    private sealed class Canvas
    {
        private readonly int _width;
        private readonly int _height;

        public Canvas(int width, int height)
        {
            (_width, _height) = (width, height);
            Pixels = new byte[width * height * 3];
            Pixels.AsSpan().Fill(255);
        }

        public byte[] Pixels { get; }

        public void Fill(int left, int right, int top, int height, byte[] color)
        {
            for (var y = Math.Max(top, 0); y < Math.Min(top + height, _height); y++)
                for (var x = Math.Max(left, 0); x < Math.Min(right, _width); x++)
                    color.CopyTo(Pixels, (y * _width + x) * 3);
        }

        public void Text(string text, int x, int y, bool white = false)
        {
            byte[] color = white ? [255, 255, 255] : Ink;
            foreach (var c in text)
            {
                var at = Characters.IndexOf(c, StringComparison.Ordinal);
                var glyph = at < 0 ? 0 : Glyphs[at];
                for (var bit = 0; bit < 15; bit++)
                    if (((glyph >> (14 - bit)) & 1) == 1)
                        Fill(x + bit % GlyphWidth * Scale, x + (bit % GlyphWidth + 1) * Scale, y + bit / GlyphWidth * Scale, Scale, color);
                x += (GlyphWidth + 1) * Scale;
            }
        }
    }
}
