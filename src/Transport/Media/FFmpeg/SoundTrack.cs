using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>The sound of an output: copied or encoded again.</summary>
internal abstract unsafe class SoundTrack(IPacketTarget file) : IDisposable
{
    // A step back within a packet or two is disorder; what lies farther back would be crowded into one moment.
    private const double MostDisorder = 1;

    private long _lastDts = long.MinValue;

    /// <summary>The container's stream.</summary>
    protected AVStream* Stream { get; set; }

    /// <summary>Takes a packet of the source.</summary>
    public abstract void Write(AudioPacket packet);

    /// <summary>Writes what is still held.</summary>
    public abstract void Finish();

    public abstract void Dispose();

    /// <summary>
    /// Writes a packet to the container, its times after those of the packet before; one that belongs far before that is left out.
    /// </summary>
    protected void Store(AVPacket* packet, AVRational timeBase)
    {
        av_packet_rescale_ts(packet, timeBase, Stream->time_base);
        if (_lastDts != long.MinValue)
        {
            if ((_lastDts - packet->dts) * Stream->time_base.ToRational().ToDouble() > MostDisorder)
            {
                av_packet_unref(packet);
                return;
            }

            packet->dts = Math.Max(packet->dts, _lastDts + 1);
        }

        packet->pts = Math.Max(packet->pts, packet->dts);
        _lastDts = packet->dts;
        packet->stream_index = Stream->index;
        packet->pos = -1;
        file.Write(packet);
    }
}
