using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>Frees FFmpeg's objects and forgets them; freeing nothing does nothing.</summary>
internal static unsafe class NativeObject
{
    public static void Free(ref AVFrame* frame)
    {
        var freed = frame;
        frame = null;
        av_frame_free(&freed);
    }

    public static void Free(ref AVPacket* packet)
    {
        var freed = packet;
        packet = null;
        av_packet_free(&freed);
    }

    public static void Free(ref AVCodecContext* context)
    {
        var freed = context;
        context = null;
        avcodec_free_context(&freed);
    }
}
