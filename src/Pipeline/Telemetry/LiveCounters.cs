namespace StreamDiff.Pipeline.Telemetry;

/// <summary>Counts frames, and how many there were in the last second.</summary>
internal sealed class LiveCounters
{
    private readonly Lock _gate = new();
    private long _in;
    private long _new;
    private long _out;
    private (long In, long New, long Out, TimeSpan At) _before;
    private (double In, double New, double Out) _rates;

    public long In => Interlocked.Read(ref _in);

    public long New => Interlocked.Read(ref _new);

    public long Out => Interlocked.Read(ref _out);

    /// <summary>Frames a second, between the latest two ticks.</summary>
    public (double In, double New, double Out) Rates
    {
        get
        {
            lock (_gate)
                return _rates;
        }
    }

    public void CountIn() => Interlocked.Increment(ref _in);

    public void CountOut(bool isNew)
    {
        Interlocked.Increment(ref _out);
        if (isNew)
            Interlocked.Increment(ref _new);
    }

    /// <summary>Called about once a second.</summary>
    public void Tick(TimeSpan now)
    {
        lock (_gate)
        {
            var seconds = Math.Max(0.001, (now - _before.At).TotalSeconds);
            _rates = ((In - _before.In) / seconds, (New - _before.New) / seconds, (Out - _before.Out) / seconds);
            _before = (In, New, Out, now);
        }
    }
}
