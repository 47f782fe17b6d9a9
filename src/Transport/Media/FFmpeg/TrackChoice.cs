using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Which of a live input's tracks of one kind is taken: the one that is there, for as long as it is. Another one follows when that one says
/// nothing while the other goes on; what the other one said meanwhile is not lost.
/// </summary>
/// <param name="isReplaced">True for containers in which a track of the same number has taken the place of the one before (FLV).</param>
internal sealed unsafe class TrackChoice(bool isReplaced) : IDisposable
{
    private const int MostKept = 256;
    private const int Intervals = 3;
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Most = TimeSpan.FromSeconds(2);

    // Of the track that may follow, since the taken one said something.
    private readonly Queue<nint> _kept = new();
    private readonly Queue<nint> _again = new();
    private AVStream* _other;
    private TimeSpan? _begun;
    private TimeSpan? _last;
    private TimeSpan _interval;

    /// <summary>The track that is taken, null while there is none.</summary>
    public AVStream* Stream { get; private set; }

    /// <summary>Begins with a track; null for none.</summary>
    public void Begin(AVStream* stream)
    {
        Stream = stream;
        (_last, _interval) = (null, TimeSpan.Zero);
    }

    /// <summary>
    /// True when a packet of this kind is of the track that is taken. If it is perhaps from now on, <see cref="TryTakeAgain"/> gives it
    /// after those before it, and it is not to be taken now.
    /// </summary>
    public bool Takes(AVStream* stream, AVPacket* packet)
    {
        var stamp = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
        TimeSpan? time = stamp == AV_NOPTS_VALUE ? null : stream->time_base.ToRational().ToTime(stamp);
        if (Stream is null || (Stream != stream && isReplaced && Stream->id == stream->id))
        {
            Begin(stream);
        }

        if (Stream == stream)
        {
            NativePackets.Free(_kept);
            _other = null;
            _interval = time - _last is { } step && step > TimeSpan.Zero ? step : _interval;
            _last = time;
            return true;
        }

        Keep(stream, packet, time);
        if (time - _begun > Patience)
        {
            Begin(stream);
            while (_kept.TryDequeue(out var kept))
            {
                _again.Enqueue(kept);
            }
        }

        return false;
    }

    /// <summary>Gives a packet of a track that has just been taken, which came before that was known; false when there is none.</summary>
    public bool TryTakeAgain(AVPacket* packet)
    {
        if (!_again.TryDequeue(out var next))
        {
            return false;
        }

        var kept = (AVPacket*)next;
        av_packet_move_ref(packet, kept);
        av_packet_free(&kept);
        return true;
    }

    public void Dispose()
    {
        NativePackets.Free(_kept);
        NativePackets.Free(_again);
    }

    // Slow tracks say something seldom.
    private TimeSpan Patience => Intervals * _interval is var time && time > Most ? Most : time < Least ? Least : time;

    private void Keep(AVStream* stream, AVPacket* packet, TimeSpan? time)
    {
        if (_other != stream)
        {
            // Of several the first one that speaks.
            if (_other is not null)
            {
                return;
            }

            _other = stream;
            _begun = time;
        }

        _begun ??= time;
        _kept.Enqueue((nint)av_packet_clone(packet));
        if (_kept.Count > MostKept)
        {
            NativePackets.Free(_kept.Dequeue());
        }
    }
}
