using System.Buffers.Binary;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>RTMP's messages as the FLV file that they are made from.</summary>
internal static class FlvTags
{
    private const int HeaderSize = 11;
    private const int BackPointerSize = 4;

    // A publisher wraps its metadata in this, which does not belong to the file.
    private static ReadOnlySpan<byte> SetDataFrame => "\x02\x00\x0d@setDataFrame"u8;

    /// <summary>The file's beginning, which announces sound and pictures.</summary>
    public static ReadOnlySpan<byte> FileHeader => [(byte)'F', (byte)'L', (byte)'V', 1, 5, 0, 0, 0, 9, 0, 0, 0, 0];

    /// <summary>Bytes of a message as a tag.</summary>
    public static int SizeOf(RtmpMessage message) => HeaderSize + Body(message).Length + BackPointerSize;

    /// <summary>Writes a message as a tag.</summary>
    public static void Write(RtmpMessage message, Span<byte> target)
    {
        var body = Body(message);
        target[0] = (byte)message.Type;
        UInt24(target[1..], body.Length);
        UInt24(target[4..], (int)(message.Timestamp & 0xffffff));
        target[7] = (byte)(message.Timestamp >> 24);
        target.Slice(8, 3).Clear();
        body.CopyTo(target[HeaderSize..]);
        BinaryPrimitives.WriteInt32BigEndian(target[(HeaderSize + body.Length)..], HeaderSize + body.Length);
    }

    private static ReadOnlySpan<byte> Body(RtmpMessage message)
    {
        ReadOnlySpan<byte> payload = message.Payload;
        return message.Type == RtmpType.Data && payload.StartsWith(SetDataFrame) ? payload[SetDataFrame.Length..] : payload;
    }

    private static void UInt24(Span<byte> target, int value) =>
        (target[0], target[1], target[2]) = ((byte)(value >> 16), (byte)(value >> 8), (byte)value);
}
