using FFmpeg.AutoGen;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// What a stream's packets said of time that a fragmented file does not keep: when a stream begins that came after the header, and how long
/// its last packet lasts.
/// </summary>
internal sealed class StreamTimes
{
    /// <summary>Decoding time of the first packet, in ticks of the stream.</summary>
    public long First { get; private set; }

    /// <summary>Ticks that the latest packet lasts.</summary>
    public long LastDuration { get; private set; }

    /// <summary>Packets so far.</summary>
    public long Count { get; private set; }

    public unsafe void Note(AVPacket* packet)
    {
        First = Count == 0 ? packet->dts : First;
        LastDuration = packet->duration;
        Count++;
    }
}
