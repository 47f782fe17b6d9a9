using StreamDiff.Pipeline.Control.Logs;

namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>
/// Changes of one running stream, from any thread. A change takes effect at the next chunk that begins, in the order in which changes were
/// given; one that needs preparation (a prompt) waits for it while the stream goes on. Entries of the timeline take effect at the chunk
/// that holds their point.
/// </summary>
public sealed class StreamControls
{
    // A source that is gone for hours begins no chunk, and somebody may go on sending changes.
    private const int MostPending = 256;

    private readonly Lock _gate = new();
    private readonly Queue<PendingChange> _pending = new();
    private readonly List<(TimelineEntry Entry, PendingChange Change)> _scheduled = [];
    private ControlLimits? _limits;
    private Func<ControlChange, Task> _prepare = _ => Task.CompletedTask;
    private bool _isClosed;

    /// <param name="timeline">Changes that are known beforehand. Default: none.</param>
    /// <param name="isOpenEnded">False where no other changes will come: the stream then keeps no room for them. Default: true.</param>
    public StreamControls(Timeline? timeline = null, bool isOpenEnded = true)
    {
        IsOpenEnded = isOpenEnded;
        Schedule(timeline ?? Timeline.Empty);
    }

    /// <summary>
    /// True where changes may be given while the stream runs. It has cache lanes for the most steps then, and keeps the text encoder.
    /// </summary>
    public bool IsOpenEnded { get; }

    /// <summary>Told of each change that took effect, from the stream's thread.</summary>
    public event Action<AppliedChange>? Applied;

    /// <summary>Told of a change that was given and could not be prepared, in one line.</summary>
    public event Action<string>? Failed;

    /// <summary>Changes that have not taken effect yet, those of the timeline included.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
                return _pending.Count + _scheduled.Count;
        }
    }

    /// <summary>Done when all changes that wait are prepared, or cannot be: their prompts are encoded.</summary>
    internal Task Prepared
    {
        get
        {
            lock (_gate)
                return Task.WhenAll(_pending.Concat(_scheduled.Select(s => s.Change)).Select(c => c.Prepared));
        }
    }

    /// <summary>The session that is run again; null for a new one.</summary>
    internal Recording? Recording { get; init; }

    /// <summary>Changes of the timeline that have not taken effect yet.</summary>
    internal IReadOnlyList<ControlChange> Scheduled
    {
        get
        {
            lock (_gate)
                return [.. _scheduled.Select(s => s.Entry.Change)];
        }
    }

    /// <summary>More changes that are known beforehand.</summary>
    /// <exception cref="InvalidOperationException">The stream has begun.</exception>
    public void Schedule(Timeline timeline)
    {
        lock (_gate)
        {
            if (_limits is not null)
                throw new InvalidOperationException("the stream has begun");
            _scheduled.AddRange(timeline.Entries.Select(e => (e, new PendingChange(e.Change))));
        }
    }

    /// <summary>Why the stream cannot make a change, in one line; null where it can, or is not known yet.</summary>
    public string? Refusal(ControlChange change)
    {
        lock (_gate)
            return (_limits ?? ControlLimits.Widest).Refusal(change);
    }

    /// <summary>Asks for a change. Returns at once; <see cref="PendingChange.Effect"/> tells where it took effect.</summary>
    /// <exception cref="ControlException">The stream cannot make it, has ended, or has not taken the last 256 changes yet.</exception>
    public PendingChange Apply(ControlChange change)
    {
        var pending = new PendingChange(change);
        lock (_gate)
        {
            if (_isClosed)
                throw new ControlException("the stream has ended");
            if (!IsOpenEnded)
                throw new InvalidOperationException("these controls take the changes of their timeline only");
            if ((_limits ?? ControlLimits.Widest).Refusal(change) is { } reason)
                throw new ControlException(reason);
            if (_pending.Count == MostPending)
                throw new ControlException(
                    $"{MostPending} changes wait for the next chunk already: the stream must take some of them first");
            if (_limits is not null)
                pending.Prepared = _prepare(change);
            _pending.Enqueue(pending);
        }
        return pending;
    }

    /// <summary>
    /// The stream is there: what it can do, and how changes are prepared for it. Given changes that it cannot make fail now.
    /// </summary>
    /// <exception cref="ControlException">The timeline holds a change that the stream cannot make.</exception>
    internal void Open(ControlLimits limits, Func<ControlChange, Task> prepare)
    {
        lock (_gate)
        {
            if (_limits is not null)
                throw new InvalidOperationException("these controls belong to another stream already");
            foreach (var (entry, _) in _scheduled)
                if (limits.Refusal(entry.Change) is { } reason)
                    throw new ControlException($"timeline at {entry.At}: {reason}");
            (_limits, _prepare) = (limits, prepare);
            foreach (var (entry, change) in _scheduled)
                change.Prepared = prepare(entry.Change);
            for (var count = _pending.Count; count > 0; count--)
            {
                var pending = _pending.Dequeue();
                if (limits.Refusal(pending.Change) is { } reason)
                {
                    pending.Failed(new ControlException(reason));
                    continue;
                }
                pending.Prepared = prepare(pending.Change);
                _pending.Enqueue(pending);
            }
        }
    }

    /// <summary>
    /// A chunk begins: the changes that take effect with it, in order. Waits for the preparation of timeline entries, never for that of
    /// other changes.
    /// </summary>
    internal IReadOnlyList<AppliedChange> Take(ChunkSpan span)
    {
        var taken = new List<PendingChange>();
        lock (_gate)
        {
            for (var i = 0; i < _scheduled.Count; i++)
                if (_scheduled[i].Entry.At.IsReached(span))
                    taken.Add(_scheduled[i].Change);
            if (taken.Count > 0)
                _scheduled.RemoveAll(s => taken.Contains(s.Change));
            while (_pending.TryPeek(out var next) && next.Prepared.IsCompleted)
                taken.Add(_pending.Dequeue());
        }
        return taken.Count == 0 ? [] : Took(taken, span);
    }

    /// <summary>The stream is over.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            foreach (var pending in _pending.Concat(_scheduled.Select(s => s.Change)))
                pending.Failed(new ControlException("the stream ended before the change took effect"));
            _pending.Clear();
            _scheduled.Clear();
        }
    }

    private List<AppliedChange> Took(List<PendingChange> taken, ChunkSpan span)
    {
        var applied = new List<AppliedChange>();
        foreach (var pending in taken)
        {
            try
            {
                pending.Prepared.GetAwaiter().GetResult();
            }
            catch (Exception e)
            {
                var reason = new ControlException($"{pending.Change}: {e.Message}", e);
                pending.Failed(reason);
                Failed?.Invoke(reason.Message);
                continue;
            }
            var change = new AppliedChange(pending.Change, span.Chunk, span.FirstFrame);
            applied.Add(change);
            // Told first: whoever waits for the effect finds it everywhere.
            Applied?.Invoke(change);
            pending.Took(change);
        }
        return applied;
    }
}
