using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Which of a live input's tracks of one kind is taken: the one that is there, for as long as it is. Another one follows when nothing came
/// of it while that one went on, by the tracks' own times.
/// </summary>
internal sealed unsafe class TrackChoice
{
    // Longer than tracks are stored apart, shorter than anybody would listen to nothing.
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(500);

    private TimeSpan? _last;

    /// <summary>The track that is taken, null while there is none.</summary>
    public AVStream* Stream { get; private set; }

    /// <summary>Begins with a track; null for none.</summary>
    public void Begin(AVStream* stream)
    {
        Stream = stream;
        _last = null;
    }

    /// <summary>True when a packet of this kind is of the track that is taken, perhaps from now on.</summary>
    public bool Takes(AVStream* stream, AVPacket* packet)
    {
        var stamp = packet->dts != AV_NOPTS_VALUE ? packet->dts : packet->pts;
        TimeSpan? time = stamp == AV_NOPTS_VALUE ? null : stream->time_base.ToRational().ToTime(stamp);
        if (Stream != stream)
        {
            if (Stream is not null && !IsSilent(time))
            {
                return false;
            }

            Begin(stream);
        }

        _last = time ?? _last;
        return true;
    }

    // Of a track that has not begun the time is counted from when another one had something.
    private bool IsSilent(TimeSpan? now)
    {
        if (now is not { } time)
        {
            return false;
        }

        _last ??= time;
        return (time - _last.Value).Duration() > Silence;
    }
}
