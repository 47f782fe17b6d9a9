using System.Runtime.CompilerServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>FFmpeg's objects: their fields' addresses, and how they are freed and forgotten; freeing nothing does nothing.</summary>
internal static unsafe class NativeObject
{
    /// <summary>The address of a field of an object of FFmpeg's; such objects do not move.</summary>
    public static T* AddressOf<T>(ref T field)
        where T : unmanaged => (T*)Unsafe.AsPointer(ref field);

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
