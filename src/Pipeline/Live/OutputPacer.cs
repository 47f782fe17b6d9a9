using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>What an output does next.</summary>
/// <param name="Number">
/// The place in the output to send to now; null: nothing before <paramref name="Until"/>, unless a frame comes.
/// </param>
/// <param name="Frame">The frame to send, the caller's to dispose; null: there is none yet.</param>
/// <param name="IsNew">False when the frame is shown once more.</param>
/// <param name="Until">When to ask again.</param>
internal readonly record struct Pace(long? Number, SharedFrame? Frame, bool IsNew, TimeSpan Until);

/// <summary>
/// Turns frames that come when they like into a constant frame rate. Place n is at n periods; a frame may take it from half a period before
/// to half a period after, as soon as it is due, else the frame before is shown again. So a steady source of the same rate passes without
/// waiting, whatever its phase. Frames of a chunk come together: each is due its own time after it was taken, the delay being what nine
/// tenths of the latest frames needed, less a quarter of a period, which the places allow for. Places are laid so that the source's frames
/// need not wait for them; a source that falls behind once, and with it takes later places from then on, gets them back for one frame.
/// </summary>
internal sealed class OutputPacer(Rational rate) : IDisposable
{
    private const double Punctual = 0.9;
    private const double Prompt = 0.1;
    // A delay that is too long is taken back so that frames run a quarter faster at most, and sound can follow.
    private const double Ease = 0.02;
    private const int Settled = 30;
    private const int Beginning = 300;
    private const int MostWaiting = 64;
    private const int Watched = 60;
    private const int LatestFrames = 5;
    private const int LatestPlaces = 15;
    private const int FewestMeasured = 40;
    private const double MeasuredSeconds = 4;
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan BetweenShifts = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestLag = TimeSpan.FromSeconds(1);

    private readonly Queue<Waiting> _waiting = new();
    // Short enough that a slow beginning, when a model runs for the first time, is soon forgotten.
    private readonly LatencyMeter _arrival = new(Math.Max(FewestMeasured, (int)(MeasuredSeconds * rate.ToDouble())));
    private readonly LatencyMeter _shown = new();
    private readonly LatencyMeter _dueAfter = new(LatestFrames);
    private readonly LatencyMeter _placedAfter = new(LatestPlaces);
    private readonly LatencyMeter _waits = new(Watched);
    private readonly TimeSpan _period = rate.Inverse.ToTime(1);
    private TimeSpan? _origin;
    private TimeSpan _delay;
    private SharedFrame? _last;
    private long _next;
    private int _shownSinceStart;
    private TimeSpan _nextShift;
    private bool _isOneTooMany;

    /// <summary>Frames left out because others of the same moment were newer.</summary>
    public long Dropped { get; private set; }

    /// <summary>Frames shown again.</summary>
    public long Repeated { get; private set; }

    /// <summary>
    /// What lies between the time when a frame was taken, on the run's clock, and its time in the output, which begins at zero; null before
    /// the first one. The delay of the frames that were shown last, which changes slowly or for a reason, and the median of how their
    /// places lay to it: a place is up to half a period away.
    /// </summary>
    public TimeSpan? Lag => _placedAfter.Count == 0 ? null : _dueAfter.Quantile(0.5) + _placedAfter.Quantile(0.5);

    /// <summary>True when every frame that was handed over has had its place.</summary>
    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>A frame's time in the output.</summary>
    public TimeSpan TimeOf(long number) => rate.Inverse.ToTime(number);

    /// <summary>Share of frames whose latency does not exceed the result.</summary>
    public TimeSpan Latency(double share) => _shown.Quantile(share);

    /// <summary>That of the frame which took longest so far.</summary>
    public TimeSpan LongestLatency { get; private set; }

    /// <summary>Hands a frame over.</summary>
    /// <param name="frame">The frame, taken over.</param>
    /// <param name="taken">When the source took it.</param>
    /// <param name="now">Now.</param>
    public void Offer(SharedFrame frame, TimeSpan taken, TimeSpan now)
    {
        if (_isOneTooMany)
        {
            _isOneTooMany = false;
            Dropped++;
            frame.Dispose();
            return;
        }
        _arrival.Add(now - taken);
        var wanted = Longer(_arrival.Quantile(Prompt), _arrival.Quantile(Punctual) - (_period / 4));
        _delay = wanted > _delay ? wanted : _delay - Shorter((_delay - wanted) * Ease, _period / 4);
        var due = taken + _delay;
        _waiting.Enqueue(new Waiting(frame, taken, due > now ? due : now));
        if (_waiting.Count > MostWaiting)
            Drop();
    }

    /// <summary>Forgets what was measured and what still waits: the source is another one now.</summary>
    public void Restart()
    {
        while (_waiting.Count > 0)
            Drop();
        foreach (var meter in new[] { _arrival, _shown, _dueAfter, _placedAfter, _waits })
            meter.Clear();
        (_delay, _shownSinceStart) = (TimeSpan.Zero, 0);
        (_nextShift, _isOneTooMany) = (TimeSpan.Zero, false);
    }

    /// <summary>Decides what is to be done now.</summary>
    public Pace Next(TimeSpan now)
    {
        _origin ??= now;
        if (now - Place(_next) > LongestLag)
            _next = (long)((now - _origin.Value).TotalSeconds * rate.ToDouble());
        var opens = Place(_next) - (_period / 2);
        if (now < opens)
            return new Pace(null, null, false, opens);
        LeaveOutOld(now);
        if (_waiting.TryPeek(out var first) && first.Due <= now)
            return Show(_waiting.Dequeue(), now);
        var closes = opens + _period;
        if (now < closes)
            return new Pace(null, null, false, first is not null && first.Due < closes ? first.Due : closes);
        Repeated++;
        return new Pace(_next++, _last?.Share(), false, now);
    }

    public void Dispose()
    {
        while (_waiting.TryDequeue(out var waiting))
            waiting.Frame.Dispose();
        _last?.Dispose();
        _last = null;
    }

    private TimeSpan Place(long number) => (_origin ?? TimeSpan.Zero) + TimeOf(number);

    private Pace Show(Waiting waiting, TimeSpan now)
    {
        // Places are laid around a new source's frames, so that they need not wait for theirs: by less than a period, which no player
        // notices.
        if (_shownSinceStart++ is 0 or Settled && waiting.Due > now - _period)
            _origin += waiting.Due - Place(_next);
        else
            Watch(now - waiting.Due, now);
        _last?.Dispose();
        _last = waiting.Frame;
        var latency = Place(_next) - waiting.Taken;
        _shown.Add(latency);
        LongestLatency = Longer(latency, LongestLatency);
        _dueAfter.Add(waiting.Due - waiting.Taken);
        _placedAfter.Add(TimeOf(_next) - waiting.Due);
        return new Pace(_next++, _last.Share(), true, waiting.Due);
    }

    // Frames that all wait for their place can have it earlier.
    private void Watch(TimeSpan waited, TimeSpan now)
    {
        _waits.Add(waited);
        if (_shownSinceStart % Watched != 0)
            return;
        var (least, most) = (_waits.Quantile(0), _waits.Quantile(Punctual));
        if (_shownSinceStart <= Beginning)
        {
            // Frames of another rate come at every phase: no place is right for all of them.
            if (most > ShortestWait && most - least < _period / 2)
                _origin -= Shorter(most, _period);
        }
        else if (least >= _period / 4)
            _isOneTooMany = true;
        else if (least > ShortestWait && now >= _nextShift)
        {
            // Seldom: a source whose clock is a little fast would otherwise carry the output's time away.
            _origin -= least;
            _nextShift = now + BetweenShifts;
        }
    }

    // Of two that are both due the older goes, unless it has only just become due: a little jitter loses no frame.
    private void LeaveOutOld(TimeSpan now)
    {
        while (_waiting.Count > 1 && _waiting.ElementAt(1).Due <= now && now - _waiting.Peek().Due >= _period / 2)
            Drop();
    }

    private static TimeSpan Shorter(TimeSpan one, TimeSpan other) => one < other ? one : other;

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;

    private void Drop()
    {
        _waiting.Dequeue().Frame.Dispose();
        Dropped++;
    }

    private sealed record Waiting(SharedFrame Frame, TimeSpan Taken, TimeSpan Due);
}
