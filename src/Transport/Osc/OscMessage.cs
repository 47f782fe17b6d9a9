using System.Buffers.Binary;
using System.Text;

namespace StreamDiff.Transport.Osc;

/// <summary>
/// A message of Open Sound Control 1.0 (opensoundcontrol.stanford.edu/spec-1_0.html): an address and arguments, which are int, long, float,
/// double, string, byte[], bool or null. Bundles are read as the messages in them, whatever time they name.
/// </summary>
/// <param name="Address">Begins with a slash.</param>
/// <param name="Arguments">In order.</param>
public sealed record OscMessage(string Address, IReadOnlyList<object?> Arguments)
{
    /// <summary>Most bytes of a packet: those that UDP carries.</summary>
    public const int LargestPacket = 65_507;

    private const int Deepest = 8;
    private static readonly UTF8Encoding Utf8 = new(false, throwOnInvalidBytes: true);

    public OscMessage(string address, params object?[] arguments)
        : this(address, (IReadOnlyList<object?>)arguments)
    {
    }

    /// <summary>The messages of a packet.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static IReadOnlyList<OscMessage> Read(ReadOnlySpan<byte> packet)
    {
        var messages = new List<OscMessage>();
        Read(packet, messages, 0);
        return messages;
    }

    /// <summary>The packet of a message.</summary>
    /// <exception cref="ArgumentException">An argument is of another kind.</exception>
    public byte[] ToPacket()
    {
        using var packet = new MemoryStream();
        WriteText(packet, Address);
        WriteText(packet, "," + string.Concat(Arguments.Select(Tag)));
        Span<byte> number = stackalloc byte[8];
        foreach (var argument in Arguments)
            switch (argument)
            {
                case int value:
                    BinaryPrimitives.WriteInt32BigEndian(number, value);
                    packet.Write(number[..4]);
                    break;
                case float value:
                    BinaryPrimitives.WriteSingleBigEndian(number, value);
                    packet.Write(number[..4]);
                    break;
                case long value:
                    BinaryPrimitives.WriteInt64BigEndian(number, value);
                    packet.Write(number);
                    break;
                case double value:
                    BinaryPrimitives.WriteDoubleBigEndian(number, value);
                    packet.Write(number);
                    break;
                case string value:
                    WriteText(packet, value);
                    break;
                case byte[] value:
                    BinaryPrimitives.WriteInt32BigEndian(number, value.Length);
                    packet.Write(number[..4]);
                    packet.Write(value);
                    packet.Write(new byte[(4 - value.Length % 4) % 4]);
                    break;
                default:
                    break;
            }
        return packet.ToArray();
    }

    private static char Tag(object? argument) => argument switch
    {
        int => 'i',
        long => 'h',
        float => 'f',
        double => 'd',
        string => 's',
        byte[] => 'b',
        true => 'T',
        false => 'F',
        null => 'N',
        _ => throw new ArgumentException($"OSC has no {argument.GetType().Name}"),
    };

    // A text ends with a zero at least, and fills up four bytes.
    private static void WriteText(MemoryStream packet, string text)
    {
        var bytes = Utf8.GetBytes(text.Replace('\0', ' '));
        packet.Write(bytes);
        packet.Write(new byte[4 - bytes.Length % 4]);
    }

    private static void Read(ReadOnlySpan<byte> packet, List<OscMessage> messages, int depth)
    {
        var rest = packet;
        var address = Text(ref rest);
        if (address == "#bundle")
        {
            if (depth == Deepest)
                throw new FormatException($"bundles are nested deeper than {Deepest} levels");
            // The time tag.
            _ = Take(ref rest, 8);
            while (rest.Length > 0)
            {
                var length = BinaryPrimitives.ReadInt32BigEndian(Take(ref rest, 4));
                if (length < 0 || length % 4 != 0)
                    throw new FormatException($"a bundle's part has {length} bytes");
                Read(Take(ref rest, length), messages, depth + 1);
            }
            return;
        }
        if (address.Length == 0 || address[0] != '/')
            throw new FormatException("an address begins with a slash");
        // Very old senders leave the types out where there are no arguments.
        var tags = rest.Length == 0 ? "," : Text(ref rest);
        if (tags.Length == 0 || tags[0] != ',')
            throw new FormatException("the types of the arguments are missing");
        var arguments = new object?[tags.Length - 1];
        for (var i = 0; i < arguments.Length; i++)
            arguments[i] = Argument(tags[i + 1], ref rest);
        messages.Add(new OscMessage(address, (IReadOnlyList<object?>)arguments));
    }

    private static object? Argument(char tag, ref ReadOnlySpan<byte> rest) => tag switch
    {
        'i' => BinaryPrimitives.ReadInt32BigEndian(Take(ref rest, 4)),
        'f' => BinaryPrimitives.ReadSingleBigEndian(Take(ref rest, 4)),
        'h' or 't' => BinaryPrimitives.ReadInt64BigEndian(Take(ref rest, 8)),
        'd' => BinaryPrimitives.ReadDoubleBigEndian(Take(ref rest, 8)),
        's' or 'S' => Text(ref rest),
        'b' => Blob(ref rest),
        'T' => true,
        'F' => false,
        'N' or 'I' => null,
        'c' or 'r' or 'm' => BinaryPrimitives.ReadInt32BigEndian(Take(ref rest, 4)),
        _ => throw new FormatException($"arguments of type '{tag}' are not known"),
    };

    private static byte[] Blob(ref ReadOnlySpan<byte> rest)
    {
        var length = BinaryPrimitives.ReadInt32BigEndian(Take(ref rest, 4));
        if (length < 0 || length > rest.Length)
            throw new FormatException($"a blob has {length} bytes");
        var bytes = Take(ref rest, length).ToArray();
        _ = Take(ref rest, Math.Min(rest.Length, (4 - length % 4) % 4));
        return bytes;
    }

    private static string Text(ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOf((byte)0);
        if (end < 0)
            throw new FormatException("a text has no end");
        try
        {
            var text = Utf8.GetString(rest[..end]);
            _ = Take(ref rest, Math.Min(rest.Length, end + 4 - end % 4));
            return text;
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("a text is no UTF-8", e);
        }
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> rest, int count)
    {
        if (count > rest.Length)
            throw new FormatException("the packet is cut off");
        var taken = rest[..count];
        rest = rest[count..];
        return taken;
    }
}
