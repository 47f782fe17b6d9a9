using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media;

/// <summary>One compressed audio packet on its way from a source to sinks. Its payload is opaque outside Transport.</summary>
public sealed unsafe class AudioPacket : MediaUnit
{
    private AVPacket* _packet;

    /// <summary>Takes over the packet's contents and leaves <paramref name="packet"/> empty.</summary>
    internal AudioPacket(AVPacket* packet, Rational timeBase)
    {
        TimeBase = timeBase;
        _packet = av_packet_alloc();
        av_packet_move_ref(_packet, packet);
        Pts = _packet->pts;
        Duration = _packet->duration;
    }

    /// <summary>Seconds per tick of <see cref="MediaUnit.Pts"/>.</summary>
    public Rational TimeBase { get; }

    /// <summary>The sound that it is of, where that may change on the way; null (the default) where the source has one sound.</summary>
    public AudioStreamInfo? Track { get; init; }

    /// <summary>Presentation time from the start of the file.</summary>
    public TimeSpan Time => TimeBase.ToTime(Pts);

    /// <summary>
    /// True for sound that an edit list cuts away, or that ends before the first picture: a decoder may want it to begin with, nobody is
    /// to hear it. The one packet right before the first picture is kept, as encoders begin with.
    /// </summary>
    internal bool IsTrimmed => (Pts >= 0 && (_packet->flags & AV_PKT_FLAG_DISCARD) != 0) || Pts + Duration < 0;

    /// <summary>Compressed bytes.</summary>
    public int ByteCount => _packet is null ? 0 : _packet->size;

    /// <summary>Frees the packet; a second call does nothing.</summary>
    public override void Dispose() => NativeObject.Free(ref _packet);

    /// <summary>Makes <paramref name="target"/> another reference to the payload, at this packet's present time.</summary>
    internal void CopyTo(AVPacket* target)
    {
        ObjectDisposedException.ThrowIf(_packet is null, this);
        FFmpegError.ThrowIfFailed(av_packet_ref(target, _packet), "audio packet");
        var shift = Pts - _packet->pts;
        target->pts = Pts;
        target->dts = _packet->dts + shift;
        target->duration = Duration;
    }
}
