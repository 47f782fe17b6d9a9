namespace StreamDiff.Pipeline.Live;

/// <summary>A time written into a frame as a row of black and white bars, which survives scaling and compression.</summary>
public static class TimeBarCode
{
    private const int Bits = 32;
    private const int Parity = 4;
    private const int Bars = Bits + Parity;

    /// <summary>Rows that the bars take at the top of a frame.</summary>
    public static int Rows(int height) => Math.Max(8, height / 12);

    /// <summary>Draws a number over the top rows of packed RGB24.</summary>
    public static void Draw(Span<byte> rgb, int width, int height, uint value)
    {
        var code = value | ((ulong)Check(value) << Bits);
        for (var x = 0; x < width; x++)
        {
            var bar = (int)((long)x * Bars / width);
            rgb.Slice(3 * x, 3).Fill((code >> bar & 1) != 0 ? (byte)235 : (byte)16);
        }
        var row = rgb[..(3 * width)];
        for (var y = 1; y < Rows(height); y++)
            row.CopyTo(rgb.Slice(y * 3 * width, 3 * width));
    }

    /// <summary>Reads it back; null when there is none, or it is damaged.</summary>
    public static uint? Read(ReadOnlySpan<byte> rgb, int width, int height)
    {
        ulong code = 0;
        var y = Rows(height) / 2;
        for (var bar = 0; bar < Bars; bar++)
        {
            var x = (int)((2L * bar + 1) * width / (2 * Bars));
            var value = rgb[(y * width + x) * 3 + 1];
            if (value is > 90 and < 165)
                return null;
            code |= value > 127 ? 1UL << bar : 0;
        }
        var number = (uint)code;
        return Check(number) == (uint)(code >> Bits) ? number : null;
    }

    // All black or all white is no code.
    private static uint Check(uint value)
    {
        var folded = value ^ (value >> 16);
        folded ^= folded >> 8;
        folded ^= folded >> 4;
        return (folded & 0xf) ^ 0x5;
    }
}
