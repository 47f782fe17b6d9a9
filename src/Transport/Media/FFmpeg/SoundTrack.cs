using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>The sound of an output: copied or encoded again.</summary>
internal abstract unsafe class SoundTrack(IPacketTarget file) : IDisposable
{
    private long _lastDts = long.MinValue;

    /// <summary>The container's stream.</summary>
    protected AVStream* Stream { get; set; }

    /// <summary>Takes a packet of the source.</summary>
    public abstract void Write(AudioPacket packet);

    /// <summary>Writes what is still held.</summary>
    public abstract void Finish();

    public abstract void Dispose();

    /// <summary>Writes a packet to the container, its times after those of the packet before.</summary>
    protected void Store(AVPacket* packet, AVRational timeBase)
    {
        av_packet_rescale_ts(packet, timeBase, Stream->time_base);
        packet->dts = Math.Max(packet->dts, _lastDts + (_lastDts == long.MinValue ? 0 : 1));
        packet->pts = Math.Max(packet->pts, packet->dts);
        _lastDts = packet->dts;
        packet->stream_index = Stream->index;
        packet->pos = -1;
        file.Write(packet);
    }
}
