using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// How long frames of a source that comes in bursts are to be held so that they can leave evenly: what nearly all of the last seconds
/// needed. A steady source on a busy machine is none of these: only where a good part of the frames is late, and again and again, is
/// anything held; the output's places allow for the rest by themselves. Not for several threads at once.
/// </summary>
/// <param name="most">The longest that may be held; zero holds nothing.</param>
internal sealed class JitterEstimate(TimeSpan most)
{
    private const double Nearly = 0.97;
    private const double Many = 0.9;
    private const int Often = 3;
    private const int MostSamples = 2048;
    // Frames that are held shorter by and by run so much faster.
    private const double Ease = 0.05;
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(60);
    // Whoever has just begun is uneven by itself: only what cannot be mistaken counts then.
    private static readonly TimeSpan Beginning = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LeastAtFirst = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan Margin = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(20);

    private readonly Queue<(TimeSpan Arrival, TimeSpan Lateness)> _latest = new();
    private readonly Queue<(TimeSpan Arrival, TimeSpan Lateness)> _peaks = new();
    private readonly LatencyMeter _sorted = new(MostSamples);
    private TimeSpan _peak;
    private TimeSpan _looked;
    private TimeSpan _target;
    private TimeSpan _arrival;
    private TimeSpan? _begun;

    /// <summary>The longest that may be held.</summary>
    public TimeSpan Most => most;

    /// <summary>How long frames are to be held, at present.</summary>
    public TimeSpan Hold { get; private set; }

    /// <summary>Takes note of a frame.</summary>
    /// <param name="arrival">When it came.</param>
    /// <param name="lateness">How much later than it could have come.</param>
    public void Add(TimeSpan arrival, TimeSpan lateness)
    {
        _begun ??= arrival;
        Note(arrival, lateness);
        if (arrival - _looked >= LookEvery)
        {
            _looked = arrival;
            _target = Target();
        }
        Hold = _target > Hold ? _target
            : Hold - _target <= Slack && _target > TimeSpan.Zero ? Hold
            : Longer(_target, Hold - ((arrival - _arrival) * Ease));
        _arrival = arrival;
    }

    private void Note(TimeSpan arrival, TimeSpan lateness)
    {
        _latest.Enqueue((arrival, lateness));
        while (_latest.Count > MostSamples || arrival - _latest.Peek().Arrival > Memory)
            _latest.Dequeue();
        // A burst is over with the first frame that is in time again.
        if (lateness >= Least)
            _peak = Longer(_peak, lateness);
        else if (_peak > TimeSpan.Zero)
        {
            _peaks.Enqueue((arrival, _peak));
            _peak = TimeSpan.Zero;
        }
        while (_peaks.TryPeek(out var oldest) && arrival - oldest.Arrival > Memory)
            _peaks.Dequeue();
    }

    private TimeSpan Target()
    {
        if (_peaks.Count < Often)
            return TimeSpan.Zero;
        var often = _peaks.Select(p => p.Lateness).OrderDescending().ElementAt(Often - 1);
        _sorted.Clear();
        foreach (var (_, lateness) in _latest)
            _sorted.Add(lateness);
        var nearly = _sorted.Quantile(Nearly);
        var needed = often < nearly ? often : nearly;
        var least = _looked - _begun < Beginning ? LeastAtFirst : Least;
        if (needed < Least || _sorted.Quantile(Many) < least)
            return TimeSpan.Zero;
        needed += Margin;
        return needed < most ? needed : most;
    }

    private static TimeSpan Longer(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
