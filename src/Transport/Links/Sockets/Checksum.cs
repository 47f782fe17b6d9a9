using System.Numerics;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// CRC-32C (Castagnoli) by the processor's own instruction. Long data is taken in four quarters at once, because one instruction waits for the one before: the checksum is then
/// that of the quarters' checksums and of what is left over.
/// </summary>
public static class Checksum
{
    private const int ShortBytes = 256;

    public static uint Of(ReadOnlySpan<byte> data)
    {
        if (data.Length < ShortBytes)
            return ~Crc(uint.MaxValue, data);
        var words = MemoryMarshal.Cast<byte, ulong>(data);
        var quarter = words.Length / 4;
        var first = words[..quarter];
        var second = words.Slice(quarter, quarter);
        var third = words.Slice(2 * quarter, quarter);
        var fourth = words.Slice(3 * quarter, quarter);
        var (a, b, c, d) = (uint.MaxValue, uint.MaxValue, uint.MaxValue, uint.MaxValue);
        for (var i = 0; i < quarter; i++)
        {
            a = BitOperations.Crc32C(a, first[i]);
            b = BitOperations.Crc32C(b, second[i]);
            c = BitOperations.Crc32C(c, third[i]);
            d = BitOperations.Crc32C(d, fourth[i]);
        }
        var folded = BitOperations.Crc32C(BitOperations.Crc32C(BitOperations.Crc32C(a, b), c), d);
        return ~Crc(folded, data[(32 * quarter)..]);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> data)
    {
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(data))
            crc = BitOperations.Crc32C(crc, word);
        foreach (var rest in data[(data.Length & ~7)..])
            crc = BitOperations.Crc32C(crc, rest);
        return crc;
    }
}
