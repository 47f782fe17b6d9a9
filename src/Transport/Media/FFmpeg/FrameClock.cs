using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Frame times in the encoder's time base, strictly rising, and the durations that encoders forget.</summary>
/// <param name="source">Time base of the frames.</param>
/// <param name="timeBase">Time base of the encoder.</param>
/// <param name="frameTicks">Ticks of a frame that gives no duration.</param>
internal sealed class FrameClock(Rational source, Rational timeBase, long frameTicks)
{
    private const int MostExactDenominator = 65535;

    private readonly Dictionary<long, long> _durations = [];
    private long? _last;

    /// <summary>Time base of the encoder.</summary>
    public Rational TimeBase => timeBase;

    /// <summary>
    /// The clock for a container and a codec: the frames' own time base, or one frame a tick where only a constant rate can be stored.
    /// </summary>
    public static unsafe FrameClock For(VideoStreamInfo video, AVOutputFormat* format, AVCodec* codec)
    {
        var rate = video.FrameRate.IsPositive ? video.FrameRate : video.TimeBase.Inverse;
        var isConstant = !ContainerSupport.KeepsTimes(format) || !video.TimeBase.IsPositive
            || codec->id == AVCodecID.AV_CODEC_ID_MPEG2VIDEO
            || (codec->id == AVCodecID.AV_CODEC_ID_MPEG4 && video.TimeBase.Denominator > MostExactDenominator);
        return isConstant
            ? new FrameClock(video.TimeBase, rate.Inverse, 1)
            : new FrameClock(video.TimeBase, video.TimeBase, Math.Max(1, rate.Inverse.Rescale(1, video.TimeBase)));
    }

    /// <summary>The encoder's time of a frame.</summary>
    public long Next(long pts, long duration)
    {
        var time = source.Rescale(pts, timeBase);
        time = _last is { } last && time <= last ? last + 1 : time;
        _last = time;
        _durations[time] = duration > 0 ? Math.Max(1, source.Rescale(duration, timeBase)) : frameTicks;
        return time;
    }

    /// <summary>The duration of the frame with this time; asked once for each.</summary>
    public long DurationOf(long time) => _durations.Remove(time, out var duration) ? duration : frameTicks;
}
