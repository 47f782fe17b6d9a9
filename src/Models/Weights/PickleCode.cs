using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace StreamDiff.Models.Weights;

/// <summary>The bytes of a pickle, read from front to back and never beyond their end.</summary>
internal ref struct PickleCode(ReadOnlySpan<byte> bytes)
{
    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = bytes;

    public ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)_rest.Length)
            throw new InvalidDataException("its pickle ends too early");
        var taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }

    public byte U8() => Take(1)[0];

    public ushort U16() => BinaryPrimitives.ReadUInt16LittleEndian(Take(2));

    public int I32() => BinaryPrimitives.ReadInt32LittleEndian(Take(4));

    public uint U32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    public ulong U64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    public double Double() => BinaryPrimitives.ReadDoubleBigEndian(Take(8));

    /// <summary>Python's integers have any length; those that are no long come back as BigInteger.</summary>
    public object Integer(ulong length)
    {
        var value = new BigInteger(Take(length));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    public string Text(ulong length)
    {
        var encoded = Take(length);
        try
        {
            return StrictUtf8.GetString(encoded);
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException("its pickle holds text that is not UTF-8");
        }
    }

    /// <summary>Python 2's byte strings, as torch reads them.</summary>
    public string Latin1(ulong length) => Encoding.Latin1.GetString(Take(length));

    public string Line()
    {
        var length = _rest.IndexOf((byte)'\n');
        if (length < 0)
            throw new InvalidDataException("its pickle ends too early");
        var line = Text((ulong)length);
        Take(1);
        return line;
    }
}
