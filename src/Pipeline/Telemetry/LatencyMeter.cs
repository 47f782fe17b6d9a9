using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Pipeline.Telemetry;

/// <summary>The latest few seconds of a measured time. Not for several threads at once.</summary>
internal sealed class LatencyMeter(int capacity = 128)
{
    private readonly TimeSpan[] _samples = new TimeSpan[capacity];
    private readonly TimeSpan[] _sorted = new TimeSpan[capacity];
    private int _next;
    private int _count;

    public int Count => _count;

    public void Add(TimeSpan sample)
    {
        _samples[_next] = sample;
        _next = (_next + 1) % capacity;
        _count = Math.Min(_count + 1, capacity);
    }

    /// <summary>As <see cref="Distribution.Quantile"/>; zero when there is no sample.</summary>
    public TimeSpan Quantile(double share)
    {
        if (_count == 0)
            return TimeSpan.Zero;
        _samples.AsSpan(0, _count).CopyTo(_sorted);
        _sorted.AsSpan(0, _count).Sort();
        return Distribution.Quantile<TimeSpan>(_sorted.AsSpan(0, _count), share);
    }

    public void Clear() => (_next, _count) = (0, 0);
}
