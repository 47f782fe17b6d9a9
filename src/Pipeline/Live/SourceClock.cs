namespace StreamDiff.Pipeline.Live;

/// <summary>
/// A source's own times on our clock. The packets that came fastest tell how the two clocks lie to each other; a minimum over the last
/// seconds follows their drift. One for each opening of a source: its times must already run forward without leaps.
/// </summary>
internal sealed class SourceClock
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(5);

    // A frame that is later than this is not waited for: it counts as taken when it came.
    private static readonly TimeSpan LargestDelay = TimeSpan.FromMilliseconds(250);

    private TimeSpan _current = TimeSpan.MaxValue;
    private TimeSpan _previous = TimeSpan.MaxValue;
    private TimeSpan _windowEnd;

    /// <summary>True before the first frame.</summary>
    public bool IsNew => _windowEnd == default;

    /// <summary>When a frame was taken, on our clock: never after it came.</summary>
    /// <param name="time">Its own time.</param>
    /// <param name="arrival">When it came, on our clock.</param>
    public TimeSpan Frame(TimeSpan time, TimeSpan arrival)
    {
        if (arrival >= _windowEnd)
        {
            (_previous, _current) = (IsNew ? TimeSpan.MaxValue : _current, TimeSpan.MaxValue);
            _windowEnd = arrival + Window;
        }
        var offset = arrival - time;
        _current = offset < _current ? offset : _current;
        var taken = time + Offset;
        return arrival - taken > LargestDelay ? arrival : taken;
    }

    /// <summary>When sound was taken, on our clock; null before the first frame.</summary>
    public TimeSpan? Sound(TimeSpan time) => IsNew ? null : time + Offset;

    private TimeSpan Offset => _previous < _current ? _previous : _current;
}
