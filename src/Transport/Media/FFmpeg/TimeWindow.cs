namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>The part of an input that is taken.</summary>
internal sealed class TimeWindow
{
    private static readonly Rational TimeSpanTick = new(1, (int)TimeSpan.TicksPerSecond);

    private readonly TimeSpan? _end;

    private TimeWindow(TimeSpan start, TimeSpan? end) => (Start, _end) = (start, end);

    /// <summary>True for the whole input.</summary>
    public bool IsWhole => Start == TimeSpan.Zero && _end is null;

    /// <summary>Where it begins, which becomes time zero.</summary>
    public TimeSpan Start { get; }

    /// <summary>Where it ends.</summary>
    public TimeSpan End => _end ?? TimeSpan.MaxValue;

    /// <summary>
    /// The window that was asked for. It begins on a tick of the frames' time base, so that frames and sound are moved by the same time.
    /// </summary>
    public static TimeWindow Of(VideoSourceOptions options, Rational timeBase)
    {
        var start = options.Start ?? TimeSpan.Zero;
        var ticks = TimeSpanTick.Rescale(start.Ticks, timeBase);
        ticks += timeBase.ToTime(ticks) < start ? 1 : 0;
        return new TimeWindow(timeBase.ToTime(ticks), start + options.Duration);
    }

    public bool IsBefore(long time, Rational timeBase) => timeBase.ToTime(time) < Start;

    public bool IsPast(long time, Rational timeBase) => _end is not null && timeBase.ToTime(time) >= End;

    /// <summary>Ticks from the input's time zero to the window's.</summary>
    public long Shift(Rational timeBase) => TimeSpanTick.Rescale(Start.Ticks, timeBase);

    /// <summary>How much of an input of this length it covers; null when unknown.</summary>
    public TimeSpan? Of(TimeSpan? whole)
    {
        var end = whole is null || _end < whole ? _end : whole;
        return end is not { } last ? null : last > Start ? last - Start : TimeSpan.Zero;
    }

    /// <summary>The exception for an input that has no frame in it.</summary>
    public MediaException Empty(string input)
    {
        var before = _end is { } end ? FormattableString.Invariant($" and before {end.TotalSeconds:0.###} s") : "";
        var from = FormattableString.Invariant($"{Start.TotalSeconds:0.###} s on{before}");
        return new MediaException($"Input '{input}' has no frame from {from}: choose an earlier start or a longer duration.");
    }
}
