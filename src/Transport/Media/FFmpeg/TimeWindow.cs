namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>The part of an input that is taken.</summary>
/// <param name="start">Where it begins, which becomes time zero; null is the beginning.</param>
/// <param name="length">How long it is; null is to the end.</param>
internal sealed class TimeWindow(TimeSpan? start, TimeSpan? length)
{
    private static readonly Rational TimeSpanTick = new(1, (int)TimeSpan.TicksPerSecond);

    /// <summary>True for the whole input.</summary>
    public bool IsWhole => start is null && length is null;

    /// <summary>Where it begins.</summary>
    public TimeSpan Start => start ?? TimeSpan.Zero;

    /// <summary>Where it ends.</summary>
    public TimeSpan End => length is { } given ? Start + given : TimeSpan.MaxValue;

    public static TimeWindow Of(VideoSourceOptions options) => new(options.Start, options.Duration);

    public bool IsBefore(long time, Rational timeBase) => timeBase.ToTime(time) < Start;

    public bool IsPast(long time, Rational timeBase) => length is not null && timeBase.ToTime(time) >= End;

    /// <summary>Ticks from the input's time zero to the window's.</summary>
    public long Shift(Rational timeBase) => TimeSpanTick.Rescale(Start.Ticks, timeBase);

    /// <summary>How much of an input of this length it covers; null when unknown.</summary>
    public TimeSpan? Of(TimeSpan? whole)
    {
        var rest = whole is { } known ? (known > Start ? known - Start : TimeSpan.Zero) : (TimeSpan?)null;
        return rest is null || length < rest ? length ?? rest : rest;
    }

    /// <summary>The exception for an input that has no frame in it.</summary>
    public MediaException Empty(string input)
    {
        var within = length is { } given ? FormattableString.Invariant($" within {given.TotalSeconds:0.###} s") : "";
        return new MediaException(FormattableString.Invariant($"Input '{input}' has no frame from {Start.TotalSeconds:0.###} s on{within}: choose an earlier start or a longer duration."));
    }
}
