using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Packets of libav on their way through queues.</summary>
internal static unsafe class NativePackets
{
    /// <summary>A packet of its own with these bytes; the caller frees it.</summary>
    /// <exception cref="MediaException">There is no memory for it.</exception>
    public static AVPacket* Of(ReadOnlySpan<byte> bytes)
    {
        var packet = av_packet_alloc();
        if (av_new_packet(packet, bytes.Length) is < 0 and var error)
        {
            av_packet_free(&packet);
            FFmpegError.ThrowIfFailed(error, "packet");
        }

        bytes.CopyTo(new Span<byte>(packet->data, bytes.Length));
        return packet;
    }

    /// <summary>Frees all packets of a queue.</summary>
    public static void Free(Queue<nint> packets)
    {
        while (packets.TryDequeue(out var next))
        {
            Free(next);
        }
    }

    /// <summary>Frees a packet.</summary>
    public static void Free(nint packet)
    {
        var freed = (AVPacket*)packet;
        av_packet_free(&freed);
    }
}
