namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Gives every picture a time after the one before it, and takes jumps out of the timeline.</summary>
/// <param name="timeBase">Seconds per tick.</param>
/// <param name="frameTicks">Ticks from one picture to the next when nothing better is known, at least 1.</param>
/// <param name="jumpsForward">True for containers whose times may leap (MPEG-TS): a leap of more than 10 s is then closed.</param>
internal sealed class TimestampRepair(Rational timeBase, long frameTicks, bool jumpsForward)
{
    // FFmpeg's own limit for a discontinuity.
    internal const double LeapSeconds = 10;

    // A smaller step back is disorder and is squeezed; a larger one is a new timeline.
    internal const double RestartSeconds = 1;

    private long? _last;

    /// <summary>Pictures whose time had to be changed.</summary>
    public long Repaired { get; private set; }

    /// <summary>Ticks added to all later times of the file, sound included, since jumps were closed.</summary>
    public long Offset { get; private set; }

    /// <summary>Ticks for which the latest picture lasts.</summary>
    public long LastDuration { get; private set; }

    /// <summary>The time to use for a picture.</summary>
    /// <param name="pts">Its own time, null when it has none.</param>
    /// <param name="duration">Its own length, 0 when it has none.</param>
    /// <param name="isGap">True where sound goes on while pictures are missing: a leap forward is then none.</param>
    public long Next(long? pts, long duration, bool isGap = false)
    {
        var time = _last is { } last ? After(last, pts, isGap) : pts ?? 0;
        _last = time;
        LastDuration = duration > 0 ? duration : frameTicks;
        return time;
    }

    private long After(long last, long? pts, bool isGap)
    {
        var expected = last + LastDuration;
        if (pts is not { } given)
        {
            Repaired++;
            return expected;
        }

        var time = given + Offset;
        if (Seconds(last - time) > RestartSeconds || (jumpsForward && !isGap && Seconds(time - last) > LeapSeconds))
        {
            Repaired++;
            Offset += expected - time;
            return expected;
        }

        if (time <= last)
        {
            Repaired++;
            return last + 1;
        }

        return time;
    }

    private double Seconds(long ticks) => ticks * timeBase.ToDouble();
}
