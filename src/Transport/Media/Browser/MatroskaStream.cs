using System.Buffers.Binary;
using System.Text;
using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Transport.Media.Browser;

/// <summary>A browser's packets as the Matroska stream that they are made from, without an end. Times are in milliseconds.</summary>
internal static class MatroskaStream
{
    private const byte VideoTrack = 1;
    private const byte SoundTrack = 2;
    private const int OpusHeadSize = 19;

    private static ReadOnlySpan<byte> UnknownSize => [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

    /// <summary>What comes before the first packet.</summary>
    /// <exception cref="MediaException">The codec is none that can be taken.</exception>
    public static byte[] Header(StreamFormat format)
    {
        var codec = CodecOf(format.Codec);
        // Without it FFmpeg guesses a frame for each millisecond.
        byte[] duration = format.FrameRate is >= 0.1 and <= 1000 ? Number(0x23E383, (long)(1e9 / format.FrameRate)) : [];
        byte[] video = [.. duration, .. Element(0xE0, [.. Number(0xB0, format.Width), .. Number(0xBA, format.Height)])];
        byte[] tracks = Track(VideoTrack, 1, codec, format.Description.Span, video);
        if (format.Sound is { } sound)
        {
            var opus = sound.Description.Length >= OpusHeadSize ? sound.Description.ToArray() : OpusHead(sound);
            byte[] audio = [.. Element(0xE1, [.. Float(0xB5, sound.SampleRate), .. Number(0x9F, sound.Channels)])];
            tracks = [.. tracks, .. Track(SoundTrack, 2, "A_OPUS", opus, audio)];
        }

        return
        [
            .. Element(0x1A45DFA3, [.. Text(0x4282, "matroska"), .. Number(0x4287, 4), .. Number(0x4285, 2)]),
            .. Id(0x18538067), .. UnknownSize,
            .. Element(0x1549A966, [.. Number(0x2AD7B1, 1_000_000), .. Text(0x4D80, "browser"), .. Text(0x5741, "browser")]),
            .. Element(0x1654AE6B, tracks),
        ];
    }

    /// <summary>Bytes of a packet as a cluster of its own, so that nothing waits for another one.</summary>
    public static byte[] Cluster(EncodedPacket packet)
    {
        const int Before = 4;
        byte[] time = [.. Number(0xE7, packet.Time / 1000)];
        var blockSize = Before + packet.Data.Length;
        byte[] blockHead = [.. Id(0xA3), .. Size(blockSize)];
        byte[] head = [.. Id(0x1F43B675), .. Size(time.Length + blockHead.Length + blockSize)];
        var cluster = new byte[head.Length + time.Length + blockHead.Length + blockSize];
        var target = cluster.AsSpan();
        foreach (var part in new[] { head, time, blockHead })
        {
            part.CopyTo(target);
            target = target[part.Length..];
        }

        var isSound = packet.Kind == PacketKind.Sound;
        target[0] = (byte)(0x80 | (isSound ? SoundTrack : VideoTrack));
        target[3] = packet.Kind == PacketKind.Delta ? (byte)0 : (byte)0x80;
        packet.Data.Span.CopyTo(target[Before..]);
        return cluster;
    }

    /// <summary>Matroska's name of a codec of WebCodecs.</summary>
    /// <exception cref="MediaException">It is none that can be taken.</exception>
    public static string CodecOf(string codec) => codec.Split('.')[0] switch
    {
        "vp8" => "V_VP8",
        "vp09" => "V_VP9",
        "avc1" or "avc3" => "V_MPEG4/ISO/AVC",
        "av01" => "V_AV1",
        _ => throw new MediaException("The codec of the frames must be vp8, vp09..., avc1... or av01...."),
    };

    private static byte[] Track(byte number, byte type, string codec, ReadOnlySpan<byte> description, byte[] settings)
    {
        byte[] entry =
        [
            .. Number(0xD7, number), .. Number(0x73C5, number), .. Number(0x83, type), .. Number(0x9C, 0), .. Text(0x86, codec),
            .. description.Length > 0 ? Element(0x63A2, description) : [], .. settings,
        ];
        return Element(0xAE, entry);
    }

    private static byte[] OpusHead(SoundFormat sound)
    {
        var head = new byte[OpusHeadSize];
        "OpusHead"u8.CopyTo(head);
        (head[8], head[9]) = (1, (byte)sound.Channels);
        BinaryPrimitives.WriteInt32LittleEndian(head.AsSpan(12), sound.SampleRate);
        return head;
    }

    private static byte[] Element(uint id, ReadOnlySpan<byte> content) => [.. Id(id), .. Size(content.Length), .. content];

    private static byte[] Text(uint id, string text) => Element(id, Encoding.ASCII.GetBytes(text));

    private static byte[] Float(uint id, float value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleBigEndian(bytes, value);
        return Element(id, bytes);
    }

    private static byte[] Number(uint id, long value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        var used = Math.Max(1, bytes.Length - (bytes.IndexOfAnyExcept((byte)0) is >= 0 and var zeros ? zeros : bytes.Length));
        return Element(id, bytes[^used..]);
    }

    // The identifiers tell their length by themselves.
    private static byte[] Id(uint id) => id switch
    {
        > 0xffffff => [(byte)(id >> 24), (byte)(id >> 16), (byte)(id >> 8), (byte)id],
        > 0xffff => [(byte)(id >> 16), (byte)(id >> 8), (byte)id],
        > 0xff => [(byte)(id >> 8), (byte)id],
        _ => [(byte)id],
    };

    // Always four bytes: enough for the largest packet.
    private static byte[] Size(int size) => [(byte)(0x10 | (size >> 24)), (byte)(size >> 16), (byte)(size >> 8), (byte)size];
}
