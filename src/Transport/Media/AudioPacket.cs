using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>One packet of compressed sound, as it came from the source.</summary>
public sealed unsafe class AudioPacket : IDisposable
{
    private AVPacket* _packet;

    internal AudioPacket(AVPacket* packet)
    {
        _packet = av_packet_alloc();
        av_packet_move_ref(_packet, packet);
    }

    internal AVPacket* Native => _packet;

    public void Dispose()
    {
        var packet = _packet;
        _packet = null;
        if (packet != null)
            av_packet_free(&packet);
    }
}
