using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Stream;

/// <summary>Measures how much neighbouring frames differ, on their bytes, so that no device has to be waited for.</summary>
public sealed class FrameMotion
{
    private byte[] _last = [];

    /// <summary>
    /// Largest RMS difference of neighbouring frames, in units of [-1, 1] pixels, the frame before the chunk included; 0 for a lone first
    /// frame. Remembers the last frame.
    /// </summary>
    public double Measure(IReadOnlyList<VideoFrame> frames)
    {
        var motion = 0.0;
        ReadOnlySpan<byte> previous = _last;
        foreach (var frame in frames)
        {
            if (previous.Length == frame.ByteCount)
                motion = Math.Max(motion, Rms(previous, frame.Pixels));
            previous = frame.Pixels;
        }
        if (_last.Length != previous.Length)
            _last = new byte[previous.Length];
        previous.CopyTo(_last);
        return motion;
    }

    /// <summary>RMS difference of two frames of bytes, one byte being 1/127.5.</summary>
    // Optimised from its first call: compiled quickly first, it takes 33 ms a chunk in the first second of a stream.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static double Rms(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        var va = MemoryMarshal.Cast<byte, Vector<byte>>(a);
        var vb = MemoryMarshal.Cast<byte, Vector<byte>>(b);
        var sum = 0UL;
        var block = Vector<uint>.Zero;
        for (var i = 0; i < va.Length; i++)
        {
            var difference = Vector.Max(va[i], vb[i]) - Vector.Min(va[i], vb[i]);
            Vector.Widen(difference, out var low, out var high);
            // Squares of bytes fit 16 bits; their sums do not.
            Vector.Widen(low * low, out var s0, out var s1);
            Vector.Widen(high * high, out var s2, out var s3);
            block += s0 + s1 + s2 + s3;
            // A lane takes 4 * 255^2 a step: emptied long before it could overflow.
            if ((i & 0xfff) == 0xfff)
            {
                sum += Sum(block);
                block = Vector<uint>.Zero;
            }
        }
        sum += Sum(block);
        for (var i = va.Length * Vector<byte>.Count; i < a.Length; i++)
            sum += (ulong)((a[i] - b[i]) * (a[i] - b[i]));
        return Math.Sqrt((double)sum / a.Length) / 127.5;
    }

    private static ulong Sum(Vector<uint> lanes)
    {
        Vector.Widen(lanes, out var low, out var high);
        return Vector.Sum(low + high);
    }
}
