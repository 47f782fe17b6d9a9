namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Admits as many frames as the model manages, evenly spread, when the source brings more: four in a row and then a gap would look worse.
/// Works only while frames had to be thrown away lately.
/// </summary>
internal sealed class FrameThinning
{
    // Slightly more than the model manages, so that it never waits.
    private const double Generosity = 1.03;
    private const double Smoothing = 0.2;
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Calm = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private TimeSpan? _finished;
    private TimeSpan? _overflowed;
    private TimeSpan _latest;
    private TimeSpan _next;
    private double _secondsPerFrame;
    private long _dropped;
    private bool _wasBusy;

    /// <summary>Frames not admitted.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>True while the model does not keep up: frames had to be thrown away lately.</summary>
    public bool IsBehind
    {
        get
        {
            lock (_gate)
                return _overflowed is { } overflowed && _latest - overflowed <= Memory;
        }
    }

    /// <summary>True when the model should have the frame.</summary>
    public bool Admits(TimeSpan taken)
    {
        lock (_gate)
        {
            if (_secondsPerFrame == 0 || _overflowed is not { } overflowed || _latest - overflowed > Memory)
                return true;
            if (taken < _next && _next - taken < Memory)
            {
                Interlocked.Increment(ref _dropped);
                return false;
            }
            var step = TimeSpan.FromSeconds(_secondsPerFrame / Generosity);
            _next = taken - _next > step ? taken + step : _next + step;
            return true;
        }
    }

    /// <summary>A frame had to go because the model was busy.</summary>
    public void Overflowed(TimeSpan now)
    {
        lock (_gate)
            (_overflowed, _latest) = (now, now);
    }

    /// <summary>Nothing came for a while: the time until the next frames are finished is not the model's.</summary>
    public void Restart()
    {
        lock (_gate)
            _finished = null;
    }

    /// <summary>The model has finished so many frames.</summary>
    /// <param name="frames">How many.</param>
    /// <param name="now">When.</param>
    /// <param name="isBusy">True where more frames wait for it: one that has nothing to do tells nothing about how fast it is.</param>
    public void Finished(int frames, TimeSpan now, bool isBusy)
    {
        lock (_gate)
        {
            // It keeps up by now, as after a slow start.
            if (!isBusy && _overflowed is { } last && now - last > Calm)
                _overflowed = null;
            if (isBusy && _wasBusy && _finished is { } before && frames > 0 && _overflowed is { } overflowed && now - overflowed <= Memory)
            {
                var seconds = (now - before).TotalSeconds / frames;
                _secondsPerFrame = _secondsPerFrame == 0 ? seconds : _secondsPerFrame + Smoothing * (seconds - _secondsPerFrame);
            }
            (_finished, _latest, _wasBusy) = (now, now, isBusy);
        }
    }
}
