using System.Runtime.Intrinsics;

namespace StreamDiff.Pipeline.Stream;

/// <summary>
/// Packed RGB bytes to planes of numbers in [-1, 1] and back, in one pass each: on the CPU the tensor library would take half a dozen.
/// </summary>
internal static class PixelPacking
{
    private const int Step = 16;
    private const float HalfRange = 127.5f;

    /// <summary>Packed RGB24 to three planes, value / 127.5 - 1.</summary>
    public static void Unpack(ReadOnlySpan<byte> packed, Span<float> red, Span<float> green, Span<float> blue)
    {
        var i = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            for (; i + Step <= red.Length; i += Step)
            {
                var (a, b, c) = (Vector128.Create(packed[(3 * i)..]), Vector128.Create(packed[(3 * i + 16)..]),
                    Vector128.Create(packed[(3 * i + 32)..]));
                Widen(Gather(a, b, c, Planes.R), red[i..]);
                Widen(Gather(a, b, c, Planes.G), green[i..]);
                Widen(Gather(a, b, c, Planes.B), blue[i..]);
            }
        }
        for (; i < red.Length; i++)
        {
            red[i] = packed[3 * i] / HalfRange - 1;
            green[i] = packed[3 * i + 1] / HalfRange - 1;
            blue[i] = packed[3 * i + 2] / HalfRange - 1;
        }
    }

    /// <summary>Three planes around [-1, 1] to packed RGB24, clamped and rounded.</summary>
    public static void Pack(ReadOnlySpan<float> red, ReadOnlySpan<float> green, ReadOnlySpan<float> blue, Span<byte> packed)
    {
        var i = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            for (; i + Step <= red.Length; i += Step)
            {
                var (r, g, b) = (Narrow(red[i..]), Narrow(green[i..]), Narrow(blue[i..]));
                for (var part = 0; part < 3; part++)
                    Gather(r, g, b, Planes.Packed[part]).CopyTo(packed[(3 * i + 16 * part)..]);
            }
        }
        for (; i < red.Length; i++)
        {
            packed[3 * i] = Byte(red[i]);
            packed[3 * i + 1] = Byte(green[i]);
            packed[3 * i + 2] = Byte(blue[i]);
        }
    }

    private static byte Byte(float value) => (byte)Math.Clamp(value * HalfRange + (HalfRange + 0.5f), 0, 255);

    private static Vector128<byte> Gather(Vector128<byte> a, Vector128<byte> b, Vector128<byte> c, in Selection from) =>
        Vector128.Shuffle(a, from.A) | Vector128.Shuffle(b, from.B) | Vector128.Shuffle(c, from.C);

    private static void Widen(Vector128<byte> bytes, Span<float> target)
    {
        var scale = Vector512.Create(1 / HalfRange);
        var (low, high) = Vector128.Widen(bytes);
        var wide = Vector256.Create(low, high);
        var (first, second) = Vector256.Widen(wide);
        (Vector512.ConvertToSingle(Vector512.Create(first, second).AsInt32()) * scale - Vector512<float>.One).CopyTo(target);
    }

    private static Vector128<byte> Narrow(ReadOnlySpan<float> source)
    {
        var value = Vector512.Create(source) * Vector512.Create(HalfRange) + Vector512.Create(HalfRange + 0.5f);
        // Clamped first: a number out of range has no defined conversion.
        var whole = Vector512.ConvertToInt32(Vector512.Min(Vector512.Max(value, Vector512<float>.Zero), Vector512.Create(255f))).AsUInt32();
        var half = Vector256.Narrow(whole.GetLower(), whole.GetUpper());
        return Vector128.Narrow(half.GetLower(), half.GetUpper());
    }

    /// <summary>Which byte of three vectors goes where; an index beyond the vector gives zero.</summary>
    private readonly record struct Selection(Vector128<byte> A, Vector128<byte> B, Vector128<byte> C);

    private static class Planes
    {
        public static readonly Selection R = Colour(0);
        public static readonly Selection G = Colour(1);
        public static readonly Selection B = Colour(2);
        public static readonly Selection[] Packed = [Part(0), Part(1), Part(2)];

        // Pixel p of a colour lies at byte 3p + colour of 48.
        private static Selection Colour(int colour) => Select(p => 3 * p + colour);

        // Byte n of a 16-byte part is pixel (16 * part + n) / 3 of colour (16 * part + n) % 3, the colours lying one after the other.
        private static Selection Part(int part) => Select(n => (16 * part + n) % 3 * 16 + (16 * part + n) / 3);

        private static Selection Select(Func<int, int> source)
        {
            var maps = new byte[3][];
            for (var v = 0; v < 3; v++)
            {
                maps[v] = new byte[16];
                Array.Fill(maps[v], (byte)0xff);
            }
            for (var n = 0; n < 16; n++)
                maps[source(n) / 16][n] = (byte)(source(n) % 16);
            return new Selection(Vector128.Create(maps[0]), Vector128.Create(maps[1]), Vector128.Create(maps[2]));
        }
    }
}
