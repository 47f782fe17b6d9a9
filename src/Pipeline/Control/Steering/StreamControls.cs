using StreamDiff.Pipeline.Control.Following;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Control.Signals;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>
/// Changes of one running stream, from any thread. A change takes effect at the next chunk that begins, in the order in which changes were
/// given; one that needs preparation (a prompt) waits for it while the stream goes on. Entries of the timeline take effect at the chunk
/// that holds their point, or, of a live stream, at the first one after it for which they are prepared.
/// </summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001:Types that own disposable fields should be disposable", Justification = "The stream closes them when it is over.")]
public sealed partial class StreamControls
{
    // A source that is gone for hours begins no chunk, and somebody may go on sending changes.
    private const int MostPending = 256;

    private readonly Lock _gate = new();
    private readonly Queue<PendingChange> _pending = new();
    private readonly BeatClock _beats = new();
    private readonly TapTempo _taps = new(TimeProvider.System);
    private readonly PresetLibrary _presets;
    private readonly List<ScheduledChange> _scheduled = [];
    private readonly Modulation _modulation;
    private readonly RegionFollower _follower;
    private readonly List<PendingChange> _setOff = [];
    private MapChange? _learning;
    private AppliedChange? _last;
    private double _quantize;
    private ControlLimits? _limits;
    private Func<ControlChange, Task> _prepare = _ => Task.CompletedTask;
    private bool _waits;
    private bool _isClosed;
    private volatile bool _needsInput;
    private volatile bool _wantsFaces;
    private SeenChunk _seen;

    /// <param name="timeline">Changes that are known beforehand. Default: none.</param>
    /// <param name="isOpenEnded">False where no other changes will come: the stream then keeps no room for them. Default: true.</param>
    /// <param name="presets">Where presets are found. Default: the built-in ones and the user's.</param>
    public StreamControls(Timeline? timeline = null, bool isOpenEnded = true, PresetLibrary? presets = null)
    {
        IsOpenEnded = isOpenEnded;
        _presets = presets ?? PresetLibrary.Default;
        _modulation = new Modulation(Signals);
        _follower = new RegionFollower(text => Failed?.Invoke(text));
        Schedule(timeline ?? Timeline.Empty);
    }

    /// <summary>
    /// True where changes may be given while the stream runs. It has cache lanes for the most steps then, and keeps the text encoder.
    /// </summary>
    public bool IsOpenEnded { get; }

    /// <summary>True once a change lays pictures over those that went in: these are kept from then on.</summary>
    internal bool NeedsInput => _needsInput;

    /// <summary>True once a change follows a face: faces are looked for from then on.</summary>
    internal bool WantsFaces => _wantsFaces;

    /// <summary>What changes of this stream can follow.</summary>
    public SignalBoard Signals { get; } = new();

    /// <summary>Told of each change that took effect, from the stream's thread.</summary>
    public event Action<AppliedChange>? Applied;

    /// <summary>Told when somebody has given changes that are no signals, however they came; not to wait in it.</summary>
    public event Action? Given;

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
                return [.. _scheduled.SelectMany(s => WithSetOff(s.Entry.Change))];
        }
    }

    private static IEnumerable<ControlChange> WithSetOff(ControlChange change) =>
        change is TriggerChange trigger ? [change, .. trigger.All] : [change];

    // Reads files: not while anybody waits for the gate.
    private IReadOnlyList<ControlChange> Expand(ControlChange change) => change is TriggerChange { Change: PresetChange set } trigger
        ? [trigger with { Parts = _presets.Expand(set) }]
        : _presets.Expand(change);

    /// <summary>More changes that are known beforehand.</summary>
    /// <exception cref="InvalidOperationException">The stream has begun.</exception>
    /// <exception cref="ControlException">A preset is not there.</exception>
    public void Schedule(Timeline timeline)
    {
        var entries = (
            from entry in timeline.Entries
            from change in Expand(entry.Change)
            select new ScheduledChange(entry with { Change = change }, new PendingChange(change))).ToList();
        lock (_gate)
        {
            if (_limits is not null)
                throw new InvalidOperationException("the stream has begun");
            _scheduled.AddRange(entries);
            _needsInput |= _scheduled.Exists(s => s.Entry.Change.NeedsInput);
            _wantsFaces |= _scheduled.Exists(s => s.Entry.Change.WantsFaces);
            if (_scheduled.Exists(s => SignalNames.IsOfSound(s.Entry.Change)))
                Signals.Sound.Want();
        }
    }

    /// <summary>Why the stream cannot make a change, in one line; null where it can, or is not known yet.</summary>
    public string? Refusal(ControlChange change)
    {
        try
        {
            var parts = Expand(change);
            lock (_gate)
                return Refusal(change, parts);
        }
        catch (ControlException e)
        {
            return e.Message;
        }
    }

    private string? Refusal(ControlChange change, IReadOnlyList<ControlChange> parts)
    {
        var limits = _limits ?? ControlLimits.Widest;
        return limits.Refusal(change) ?? parts.Select(limits.Refusal).FirstOrDefault(r => r is not null) ?? Missing(change);
    }

    /// <summary>Why what a change would open or look for is not there, in one line; null where it is, or can only be tried.</summary>
    internal static string? Missing(ControlChange change) =>
        change.Opens.Select(MaskReader.Problem).FirstOrDefault(p => p is not null) ?? (change.WantsFaces ? FaceCascade.Problem : null);

    /// <summary>What the pictures of the chunk that begins next show.</summary>
    internal void See(SeenChunk seen) => _seen = seen;

    /// <summary>Asks for a change. Returns at once; <see cref="PendingChange.Effect"/> tells where it took effect.</summary>
    /// <exception cref="ControlException">The stream cannot make it, has ended, or has not taken the last 256 changes yet.</exception>
    public PendingChange Apply(ControlChange change) => Apply([change])[0];

    /// <summary>Asks for changes, all or none. They take effect together, when the last of them is prepared.</summary>
    /// <exception cref="ControlException">As for one.</exception>
    public IReadOnlyList<PendingChange> Apply(IReadOnlyList<ControlChange> changes)
    {
        var wanted = changes.Select(c => (Change: c, Parts: Expand(c))).ToList();
        lock (_gate)
        {
            if (_isClosed)
                throw new ControlException("the stream has ended");
            if (!IsOpenEnded)
                throw new InvalidOperationException("these controls take the changes of their timeline only");
            if (wanted.Select(w => Refusal(w.Change, w.Parts)).FirstOrDefault(r => r is not null) is { } reason)
                throw new ControlException(reason);
            var mayLearn = _learning is not null || changes.Any(c => c is LearnChange);
            if (_pending.Count + wanted.Sum(w => w.Change switch
            {
                LearnChange => 0,
                SignalChange => mayLearn ? 1 : 0,
                // The tempo that it may set.
                TapChange => 2,
                _ => w.Parts.Count,
            }) > MostPending)
                throw new ControlException(
                    $"{MostPending} changes wait for the next chunk already: the stream must take some of them first");
            var before = _pending.Count;
            var given = wanted.ConvertAll(w => Give(w.Change, w.Parts));
            Prepare([.. _pending.Skip(before)]);
            // Played as an instrument is, signals change nothing that anybody has set.
            if (changes.Any(c => c is not SignalChange))
                Given?.Invoke();
            return given;
        }
    }

    private PendingChange Give(ControlChange change, IReadOnlyList<ControlChange> parts)
    {
        if (change is SignalChange signal)
            return Signalled(signal);
        if (change is LearnChange learn)
        {
            // At once, as signals are: the controller may be moved before the next chunk.
            _learning = learn.Map;
            return AtOnce(change);
        }
        // A tap is heard when it comes.
        var given = Enqueue(change is TapChange ? [change, .. Tapped()] : parts);
        return given is [var only] ? only : PendingChange.Of(change, given);
    }

    private List<PendingChange> Enqueue(IReadOnlyList<ControlChange> changes)
    {
        _needsInput |= changes.Any(c => c.NeedsInput);
        _wantsFaces |= changes.Any(c => c.WantsFaces);
        if (changes.Any(SignalNames.IsOfSound))
            Signals.Sound.Want();
        var given = changes.Select(c => new PendingChange(c)).ToList();
        given.ForEach(_pending.Enqueue);
        return given;
    }

    // What was asked for together is ready together.
    private void Prepare(IReadOnlyList<PendingChange> given)
    {
        if (_limits is null || given.Count == 0)
            return;
        var tasks = given.Select(p => _prepare(p.Change)).ToList();
        var all = tasks is [var only] ? only : Task.WhenAll(tasks);
        foreach (var pending in given)
            pending.Prepared = all;
    }

    /// <summary>
    /// The stream is there: what it can do, and how changes are prepared for it. Given changes that it cannot make fail now.
    /// </summary>
    /// <exception cref="ControlException">The timeline holds a change that the stream cannot make.</exception>
    /// <param name="limits">What it can do.</param>
    /// <param name="prepare">Prepares a change.</param>
    /// <param name="waits">
    /// True where the stream waits for what it needs, such as a prompt or the frames of a mask: what takes effect where depends on nothing
    /// but its frames then.
    /// </param>
    /// <param name="now">The time by which the stream's frames are stamped; null where they have stamps of their own.</param>
    internal void Open(ControlLimits limits, Func<ControlChange, Task> prepare, bool waits = false, Func<TimeSpan>? now = null)
    {
        lock (_gate)
        {
            _waits = _follower.Waits = waits;
            _now = now;
            if (_limits is not null)
                throw new InvalidOperationException("these controls belong to another stream already");
            foreach (var entry in _scheduled.Select(s => s.Entry))
                if ((limits.Refusal(entry.Change) ?? Missing(entry.Change)) is { } reason)
                    throw new ControlException($"timeline at {entry.At}: {reason}");
            (_limits, _prepare) = (limits, prepare);
            foreach (var scheduled in _scheduled)
                scheduled.Change.Prepared = prepare(scheduled.Entry.Change);
            for (var count = _pending.Count; count > 0; count--)
            {
                var pending = _pending.Dequeue();
                if ((limits.Refusal(pending.Change) ?? Missing(pending.Change)) is { } reason)
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
    /// True where <see cref="Take"/> need wait for nothing in the timeline: a live stream never does.
    /// </summary>
    internal bool IsReady(ChunkSpan span)
    {
        if (!_waits)
            return true;
        lock (_gate)
        {
            span = _beats.Look(span);
            return _scheduled.TrueForAll(s => s.Change.Prepared.IsCompleted || !s.IsReached(span));
        }
    }

    /// <summary>
    /// A chunk begins: the changes that take effect with it, in order. What a live stream does not have yet comes with a later one; others
    /// wait for prompts of the timeline and of signals, none for those that were given.
    /// </summary>
    /// <param name="span">The chunk.</param>
    /// <param name="apply">Makes each change, in order, and gives back what it was made as; null leaves it as it is.</param>
    internal IReadOnlyList<AppliedChange> Take(ChunkSpan span, Func<ControlChange, ControlChange>? apply = null)
    {
        List<AppliedChange> applied = Heard(span) is { } tempo ? Took([new PendingChange(tempo)], span, apply) : [];
        var taken = new List<PendingChange>();
        lock (_gate)
        {
            span = _beats.Of(span);
            taken.AddRange(ScheduledChange.Take(_scheduled, span, _waits, _prepare));
            var isHeld = _quantize > 0 && !span.HasBeat(_quantize);
            if (isHeld)
                TakeUnheld(taken);
            while (!isHeld && _pending.TryPeek(out var next) && next.Prepared.IsCompleted
                && (span.HasInput || !next.Change.NeedsInput))
                taken.Add(_pending.Dequeue());
        }
        if (taken.Count > 0)
            applied.AddRange(Took(taken, span, apply));
        if (SetOff(span) is { Count: > 0 } setOff)
            applied.AddRange(Took(setOff, span, apply));
        // Where the pixels that it would leave as they came are not there, the next chunk has it.
        if (_follower.Next(_seen, span.Length.TotalSeconds) is { } region && (span.HasInput || !region.NeedsInput))
            applied.AddRange(Took([new PendingChange(region)], span, apply));
        return applied;
    }

    // What the beats themselves are made by, and what must not wait.
    private void TakeUnheld(List<PendingChange> taken)
    {
        for (var count = _pending.Count; count > 0; count--)
        {
            var pending = _pending.Dequeue();
            if (pending.Change is PauseChange or TempoChange or TapChange or QuantizeChange)
                taken.Add(pending);
            else
                _pending.Enqueue(pending);
        }
    }

    /// <summary>The stream is over.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            _follower.Dispose();
            foreach (var pending in _pending.Concat(_setOff).Concat(_scheduled.Select(s => s.Change)))
                pending.Failed(new ControlException("the stream ended before the change took effect"));
            _pending.Clear();
            _scheduled.Clear();
        }
    }

    private List<AppliedChange> Took(List<PendingChange> taken, ChunkSpan span, Func<ControlChange, ControlChange>? apply)
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
            var made = ChangeLengths.InChunks(pending.Change, span, _beats.Bpm);
            Follow(made, span);
            var change = new AppliedChange(apply?.Invoke(made) ?? made, span.Chunk, span.FirstFrame);
            applied.Add(change);
            // Told first: whoever waits for the effect finds it everywhere. A region that follows something is told of once.
            if (made is not RegionChange { IsMade: true })
                Applied?.Invoke(change);
            pending.Took(change);
            _last = change;
        }
        return applied;
    }

    private void Follow(ControlChange change, ChunkSpan span)
    {
        lock (_gate)
        {
            if (change is TempoChange tempo)
            {
                if (_beats.Take(tempo, span.Begin))
                    _scheduled.ForEach(s => s.GoTo(_beats.At(span.Begin)));
            }
            else if (change is QuantizeChange quantize)
                _quantize = quantize.Beats;
            else if (change is LearnChange learn)
                _learning = learn.Map;
            else if (change is SignalChange signal)
                Signals.Set(signal.Name, signal.Value);
            else
                _modulation.Take(change);
            _follower.Take(change);
        }
    }
}
