using System.Buffers.Binary;

namespace StreamDiff.Transport.Media.Encoded;

/// <summary>
/// A compressed frame or piece of sound as it goes over a WebSocket, in both directions: one binary message of 16 bytes before the data,
/// all little endian: kind (1 byte), three bytes of zero, duration (4, microseconds, 0 where unknown), time (8, microseconds, from the
/// sender's zero).
/// </summary>
/// <param name="Message">The whole message; made once and shared by all who get it.</param>
public sealed record EncodedPacket(ReadOnlyMemory<byte> Message)
{
    /// <summary>Bytes before the data.</summary>
    public const int HeaderSize = 16;

    /// <summary>Bytes of the largest message that is taken: a key frame of a large picture at a high bit rate.</summary>
    public const int MostBytes = 4 << 20;

    private const int DurationAt = 4;
    private const int TimeAt = 8;

    // Times beyond a year are nonsense, and would not fit into containers.
    private const long LatestTime = 366L * 24 * 3600 * 1_000_000;

    /// <summary>What it holds.</summary>
    public PacketKind Kind => (PacketKind)Message.Span[0];

    /// <summary>Microseconds; 0 where unknown.</summary>
    public uint Duration => BinaryPrimitives.ReadUInt32LittleEndian(Message.Span[DurationAt..]);

    /// <summary>Microseconds from the sender's zero.</summary>
    public long Time => BinaryPrimitives.ReadInt64LittleEndian(Message.Span[TimeAt..]);

    /// <summary>What the codec made.</summary>
    public ReadOnlyMemory<byte> Data => Message[HeaderSize..];

    /// <summary>Makes a packet.</summary>
    public static EncodedPacket Of(PacketKind kind, long time, uint duration, ReadOnlySpan<byte> data) =>
        Of(kind, time, duration, default, data);

    /// <summary>Makes a packet of data in two parts, one after the other.</summary>
    public static EncodedPacket Of(PacketKind kind, long time, uint duration, ReadOnlySpan<byte> headers, ReadOnlySpan<byte> data)
    {
        var message = new byte[HeaderSize + headers.Length + data.Length];
        message[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(DurationAt), duration);
        BinaryPrimitives.WriteInt64LittleEndian(message.AsSpan(TimeAt), time);
        headers.CopyTo(message.AsSpan(HeaderSize));
        data.CopyTo(message.AsSpan(HeaderSize + headers.Length));
        return new EncodedPacket(message);
    }

    /// <summary>Reads a message of a peer, which may have sent anything.</summary>
    /// <exception cref="MediaException">It is no packet.</exception>
    public static EncodedPacket Parse(ReadOnlyMemory<byte> message)
    {
        var span = message.Span;
        if (span.Length <= HeaderSize)
        {
            throw new MediaException($"A packet has {HeaderSize} bytes and its data, not {span.Length} bytes.");
        }

        if (span[0] > (byte)PacketKind.Sound || span[1..DurationAt].ContainsAnyExcept((byte)0))
        {
            throw new MediaException($"A packet begins with 0 (frame), 1 (key frame) or 2 (sound) and three zeros, not {span[0]}.");
        }

        var packet = new EncodedPacket(message);
        return packet.Time is >= 0 and <= LatestTime
            ? packet
            : throw new MediaException($"A packet's time is from 0 to {LatestTime} microseconds, not {packet.Time}.");
    }
}
