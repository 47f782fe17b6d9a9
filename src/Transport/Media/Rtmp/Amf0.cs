using System.Buffers.Binary;
using System.Text;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// Reads the values of AMF0 (Action Message Format 0, Adobe 2007): numbers, truth values, strings, objects, lists; null for the rest.
/// </summary>
internal ref struct Amf0Reader(ReadOnlySpan<byte> data)
{
    private const int DeepestNesting = 16;
    private ReadOnlySpan<byte> _rest = data;

    /// <summary>True when there is another value.</summary>
    public readonly bool HasMore => _rest.Length > 0;

    /// <summary>The next value: double, bool, string, Dictionary (objects and named lists), list, or null.</summary>
    /// <exception cref="RtmpException">The bytes are no AMF0.</exception>
    public object? Read() => Read(0);

    private object? Read(int depth)
    {
        if (depth > DeepestNesting)
        {
            throw new RtmpException("AMF values are nested too deeply");
        }

        var marker = Take(1)[0];
        switch (marker)
        {
            case 0:
                return BinaryPrimitives.ReadDoubleBigEndian(Take(8));
            case 1:
                return Take(1)[0] != 0;
            case 2:
                return ShortString();
            case 3:
                return Object(depth);
            case 5 or 6 or 13:
                return null;
            case 8:
                _ = Take(4);
                return Object(depth);
            case 10:
                return List(depth);
            case 11:
                _ = Take(10);
                return null;
            case 12 or 15:
                return Encoding.UTF8.GetString(Take(checked((int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32BigEndian(Take(4))))));
            default:
                throw new RtmpException($"AMF value of unknown kind {marker}");
        }
    }

    private Dictionary<string, object?> Object(int depth)
    {
        const byte End = 9;
        var values = new Dictionary<string, object?>(StringComparer.Ordinal);
        while (true)
        {
            var name = ShortString();
            if (name.Length == 0 && _rest.Length > 0 && _rest[0] == End)
            {
                _ = Take(1);
                return values;
            }

            values[name] = Read(depth + 1);
        }
    }

    private List<object?> List(int depth)
    {
        var count = BinaryPrimitives.ReadUInt32BigEndian(Take(4));
        var values = new List<object?>();
        for (uint i = 0; i < count; i++)
        {
            values.Add(Read(depth + 1));
        }

        return values;
    }

    private string ShortString() => Encoding.UTF8.GetString(Take(BinaryPrimitives.ReadUInt16BigEndian(Take(2))));

    private ReadOnlySpan<byte> Take(int count)
    {
        if (count < 0 || count > _rest.Length)
        {
            throw new RtmpException("an AMF value is cut off");
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}

/// <summary>Writes AMF0.</summary>
internal static class Amf0Writer
{
    /// <summary>The values one after the other: double, bool, string, null, or pairs for an object.</summary>
    public static byte[] Write(params object?[] values)
    {
        using var stream = new MemoryStream();
        foreach (var value in values)
        {
            Write(stream, value);
        }

        return stream.ToArray();
    }

    private static void Write(MemoryStream stream, object? value)
    {
        switch (value)
        {
            case null:
                stream.WriteByte(5);
                break;
            case double number:
                Span<byte> bytes = stackalloc byte[9];
                bytes[0] = 0;
                BinaryPrimitives.WriteDoubleBigEndian(bytes[1..], number);
                stream.Write(bytes);
                break;
            case bool truth:
                stream.Write([1, truth ? (byte)1 : (byte)0]);
                break;
            case string text:
                stream.WriteByte(2);
                WriteName(stream, text);
                break;
            case (string Name, object? Value)[] members:
                stream.WriteByte(3);
                foreach (var (name, member) in members)
                {
                    WriteName(stream, name);
                    Write(stream, member);
                }

                stream.Write([0, 0, 9]);
                break;
            default:
                throw new NotSupportedException(value.GetType().Name);
        }
    }

    private static void WriteName(MemoryStream stream, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> length = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)bytes.Length);
        stream.Write(length);
        stream.Write(bytes);
    }
}
