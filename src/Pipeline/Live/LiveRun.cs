using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Source, path, pacer and outputs of one live run. The output never stops while the run lasts, whatever becomes of the source.
/// </summary>
internal sealed class LiveRun : ISourceReceiver, IDisposable
{
    // A source that is silent for so long is shown as lost; well within the second that is promised.
    private static readonly TimeSpan Silence = TimeSpan.FromMilliseconds(800);
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);

    private readonly object _gate = new();
    private readonly LiveClock _clock;
    private readonly OutputPacer _pacer;
    private readonly SoundDelay _sound = new();
    private readonly FallbackFrame _fallback;
    private readonly LiveOutputs _outputs;
    private readonly Action<LiveEvent> _log;
    private readonly bool _isOneOfMany;
    private readonly SourceView? _view;
    private readonly LiveCounters _counters = new();
    private SourceLoop _source = null!;
    private ILivePath _path = null!;
    private TimeSpan _opened;
    private TimeSpan _lastFrame;
    private long _stale;
    private bool _hasFrames;
    private bool _isLost;
    private bool _isEnding;
    private Exception? _fault;
    private MediaException? _broken;

    /// <param name="clock">The run's.</param>
    /// <param name="fallback">Shown while there is nothing else.</param>
    /// <param name="outputs">Where frames go; stay the caller's.</param>
    /// <param name="log">Told of changes of state.</param>
    /// <param name="isOneOfMany">True where somebody else measures it, together with others.</param>
    /// <param name="view">Shows what goes in to those who compare; null where there is no page.</param>
    public LiveRun(
        LiveClock clock, FallbackFrame fallback, LiveOutputs outputs, Action<LiveEvent> log, bool isOneOfMany = false,
        SourceView? view = null)
    {
        (_clock, _fallback, _outputs, _log, _isOneOfMany, _view) = (clock, fallback, outputs, log, isOneOfMany, view);
        _pacer = new OutputPacer(outputs.Format.FrameRate);
    }

    public LiveClock Clock => _clock;

    /// <summary>True once the source has given a frame.</summary>
    public bool HasFrames
    {
        get
        {
            lock (_gate)
                return _hasFrames;
        }
    }

    /// <summary>Runs until cancelled, or until a source that is no live one has ended.</summary>
    /// <exception cref="MediaException">
    /// The source never was there, or it is no live one and broke; what was read of it before is in the outputs then.
    /// </exception>
    /// <param name="source">Opens the source that is to report here.</param>
    /// <param name="path">What happens to the frames.</param>
    /// <param name="progress">Told once a second.</param>
    /// <param name="cancellation">Ends the run.</param>
    public LiveStatus Execute(
        Func<ISourceReceiver, SourceLoop> source, ILivePath path, IProgress<LiveStatus> progress, CancellationToken cancellation)
    {
        _path = path;
        using var loop = _source = source(this);
        using var metrics = _isOneOfMany ? null : new LiveMetrics(Status);
        using var wake = cancellation.Register(Wake);
        _source.Start();
        var reported = TimeSpan.Zero;
        while (Step(cancellation))
        {
            if (_clock.Now - reported < ReportEvery)
                continue;
            reported = _clock.Now;
            _counters.Tick(reported);
            path.ThrowIfFailed();
            progress.Report(Status());
        }
        if (_fault is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_fault);
        path.ThrowIfFailed();
        var status = Status();
        var outputs = _outputs.Finish();
        if (_broken is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(_broken);
        return status with { Outputs = outputs, Encoders = _outputs.EncoderStatus };
    }

    /// <summary>A finished frame, taken over; from the path's thread.</summary>
    public void Finished(VideoFrame frame, TimeSpan taken)
    {
        lock (_gate)
        {
            // What a model still held when the source went: to show it now would be a flash of the past, and to measure it would teach the
            // pacer that past as a delay.
            if (taken < _opened)
            {
                _stale++;
                frame.Dispose();
                return;
            }
            _pacer.Offer(new SharedFrame(frame), taken, _clock.Now);
            Monitor.PulseAll(_gate);
        }
    }

    void ISourceReceiver.Opened()
    {
        _path.Discontinue();
        _sound.Restart();
        lock (_gate)
        {
            _opened = _clock.Now;
            _pacer.Restart();
        }
    }

    void ISourceReceiver.Frame(VideoFrame frame, TimeSpan taken)
    {
        _counters.CountIn();
        TimeSpan? lag;
        lock (_gate)
            (_lastFrame, _hasFrames, lag) = (_clock.Now, true, _pacer.Lag);
        _view?.Show(frame, taken, lag);
        _path.Offer(frame, taken);
    }

    void ISourceReceiver.Sound(SoundBlock block, TimeSpan taken)
    {
        _path.Hear(block, taken);
        _sound.Add(block, taken);
    }

    void ISourceReceiver.Ended(MediaException? error)
    {
        _path.Finish();
        // What was seen goes through first.
        var isBroken = HasFrames;
        lock (_gate)
            _broken = isBroken ? error : null;
        End(isBroken ? null : error);
    }

    void ISourceReceiver.Failed(Exception error) => End(error);

    public void Dispose() => _pacer.Dispose();

    private bool Step(CancellationToken cancellation)
    {
        Pace pace;
        bool isLost;
        SoundBlock? sound;
        lock (_gate)
        {
            if (cancellation.IsCancellationRequested || _fault is not null || (_isEnding && _path.IsFinished && _pacer.IsEmpty))
                return false;
            pace = _pacer.Next(_clock.Now);
            if (pace.Number is null)
            {
                var wait = pace.Until - _clock.Now;
                if (wait > TimeSpan.Zero)
                    _ = Monitor.Wait(_gate, Math.Max(1, (int)wait.TotalMilliseconds));
                return true;
            }
            isLost = !pace.IsNew && _clock.Now - _lastFrame > Silence;
            sound = _sound.Take(_pacer.TimeOf(pace.Number.Value + 1), _pacer.Lag);
        }
        SayLost(isLost && _hasFrames);
        Send(pace, isLost, sound);
        return true;
    }

    private void Send(Pace pace, bool isLost, SoundBlock? sound)
    {
        var number = pace.Number!.Value;
        using var own = pace.Frame;
        var frame = (isLost ? _fallback.Instead : null) ?? own ?? _fallback.Instead ?? _fallback.Black;
        _counters.CountOut(pace.IsNew);
        _outputs.Send(frame, number, sound);
    }

    private void SayLost(bool isLost)
    {
        if (isLost == _isLost)
            return;
        _isLost = isLost;
        _log(new LiveEvent(_clock.Now, isLost, "picture", isLost ? "fallback" : "live",
            isLost ? "no picture from the source: showing the fallback" : "pictures from the source again"));
    }

    private void End(Exception? error)
    {
        lock (_gate)
        {
            (_isEnding, _fault) = (true, error ?? _fault);
            Monitor.PulseAll(_gate);
        }
    }

    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }

    private LiveStatus Status()
    {
        lock (_gate)
        {
            var rates = _counters.Rates;
            return new LiveStatus(
                _clock.Now, _source.State, _counters.In, _counters.New, _counters.Out, _pacer.Dropped + _path.Dropped + _stale,
                _pacer.Repeated, _source.Reopened,
                rates.In, rates.New, rates.Out, _pacer.Latency(0.5), _pacer.Latency(0.95), _pacer.Latency(0.99), _pacer.LongestLatency,
                TimeSpan.FromSeconds((double)_sound.Missing / SoundBlock.Rate), _sound.Hold, _source.Jitter,
                _outputs.Status, _outputs.EncoderStatus, _source.Link);
        }
    }
}
