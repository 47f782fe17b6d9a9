namespace StreamDiff.Pipeline.Live;

/// <summary>
/// A source's own times on our clock. The packets that came fastest tell how the two clocks lie to each other; a minimum over the last
/// seconds follows their drift. One for each opening of a source: its times must already run forward without leaps.
/// </summary>
/// <param name="hold">How long frames are held for those that come late, at present.</param>
internal sealed class SourceClock(Func<TimeSpan>? hold = null)
{
    private const int Kept = 8;
    private static readonly TimeSpan Piece = TimeSpan.FromSeconds(1);

    // A frame that is later than what is held for it by more than this is not waited for: it counts as taken when it came.
    private static readonly TimeSpan LargestDelay = TimeSpan.FromMilliseconds(250);

    // The least distance between the clocks in each of the last seconds that brought anything.
    private readonly Queue<TimeSpan> _least = new();
    private TimeSpan _current = TimeSpan.MaxValue;
    private TimeSpan _offset = TimeSpan.MaxValue;
    private TimeSpan _pieceEnd;
    private TimeSpan _last = TimeSpan.MinValue;

    /// <summary>True before the first frame.</summary>
    public bool IsNew => _offset == TimeSpan.MaxValue;

    /// <summary>How much later the latest frame came than the fastest of the last seconds.</summary>
    public TimeSpan Lateness { get; private set; }

    /// <summary>When a frame was taken, on our clock: never after it came, and never before the frame before it.</summary>
    /// <param name="time">Its own time.</param>
    /// <param name="arrival">When it came, on our clock.</param>
    public TimeSpan Frame(TimeSpan time, TimeSpan arrival)
    {
        if (arrival >= _pieceEnd)
        {
            EndPiece();
            _pieceEnd = arrival + Piece;
        }
        var offset = arrival - time;
        _current = Shorter(_current, offset);
        _offset = Shorter(_offset, offset);
        var taken = time + _offset;
        Lateness = arrival - taken;
        if (Lateness > LargestDelay + (hold?.Invoke() ?? TimeSpan.Zero))
            taken = arrival;
        _last = taken > _last ? taken : _last;
        return _last;
    }

    /// <summary>When sound was taken, on our clock; null before the first frame.</summary>
    public TimeSpan? Sound(TimeSpan time) => IsNew ? null : time + _offset;

    private void EndPiece()
    {
        if (_current == TimeSpan.MaxValue)
            return;
        // A second in which nothing came in time: the way has become longer, or the source has stood still.
        if (_current - _offset > LargestDelay)
            _least.Clear();
        _least.Enqueue(_current);
        if (_least.Count > Kept)
            _least.Dequeue();
        (_offset, _current) = (_least.Min(), TimeSpan.MaxValue);
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;
}
