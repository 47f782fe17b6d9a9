using System.Runtime.ExceptionServices;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// Gives frames that come in bursts as evenly as they were taken, by holding them as long as <see cref="JitterEstimate"/> says. Where that
/// is nothing, a frame goes through on the thread that brings it.
/// </summary>
internal sealed class JitterBuffer : IDisposable
{
    // Raw frames take room: beyond this the oldest goes on before its time.
    private const int MostHeld = 256;

    private readonly object _gate = new();
    private readonly LiveClock _clock;
    private readonly Action<VideoFrame, TimeSpan> _give;
    private readonly JitterEstimate _estimate;
    private readonly Queue<(VideoFrame Frame, TimeSpan Taken)> _held = new();
    private Thread? _thread;
    private Exception? _fault;
    private bool _isGiving;
    private bool _isOver;

    /// <param name="clock">The run's.</param>
    /// <param name="most">The longest that a frame may be held; zero holds none.</param>
    /// <param name="give">Takes frames over, one at a time, in order; from the caller's thread or the buffer's own.</param>
    public JitterBuffer(LiveClock clock, TimeSpan most, Action<VideoFrame, TimeSpan> give) =>
        (_clock, _estimate, _give) = (clock, new JitterEstimate(most), give);

    /// <summary>How long frames are held at present.</summary>
    public TimeSpan Hold
    {
        get
        {
            lock (_gate)
                return _estimate.Hold;
        }
    }

    /// <summary>Takes a frame over.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="taken">When it was taken.</param>
    /// <param name="lateness">How much later than it could have come it came.</param>
    public void Add(VideoFrame frame, TimeSpan taken, TimeSpan lateness)
    {
        lock (_gate)
        {
            if (_fault is not null)
                frame.Dispose();
            ThrowIfFailed();
            var now = _clock.Now;
            _estimate.Add(now, lateness);
            if (_held.Count > 0 || _isGiving || (_estimate.Hold > TimeSpan.Zero && taken + _estimate.Hold > now))
            {
                _held.Enqueue((frame, taken));
                Start();
                Monitor.PulseAll(_gate);
                return;
            }
            _isGiving = true;
        }
        Give(frame, taken);
    }

    /// <summary>Waits until everything that is held has been given; throws what its taker threw.</summary>
    /// <param name="cancellation">Ends the waiting.</param>
    public void Drain(CancellationToken cancellation)
    {
        using var wake = cancellation.Register(Wake);
        lock (_gate)
        {
            while ((_held.Count > 0 || _isGiving) && _fault is null && !cancellation.IsCancellationRequested)
                Monitor.Wait(_gate);
            ThrowIfFailed();
        }
    }

    /// <summary>Lets go of what is held.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            Monitor.PulseAll(_gate);
        }
        _thread?.Join();
        while (_held.TryDequeue(out var held))
            held.Frame.Dispose();
    }

    // What the taker threw on the buffer's own thread is the caller's matter.
    private void ThrowIfFailed()
    {
        if (_fault is not null)
            ExceptionDispatchInfo.Throw(_fault);
    }

    private void Start()
    {
        if (_thread is not null)
            return;
        _thread = new Thread(Run) { Name = "streamdiff jitter", IsBackground = true };
        _thread.Start();
    }

    private void Run()
    {
        try
        {
            while (Next() is { } held)
                Give(held.Frame, held.Taken);
        }
        catch (Exception error)
        {
            lock (_gate)
            {
                _fault = error;
                Monitor.PulseAll(_gate);
            }
        }
    }

    private (VideoFrame Frame, TimeSpan Taken)? Next()
    {
        lock (_gate)
        {
            while (!_isOver)
            {
                if (!_held.TryPeek(out var first) || _isGiving)
                {
                    Monitor.Wait(_gate);
                    continue;
                }
                var wait = first.Taken + _estimate.Hold - _clock.Now;
                if (wait <= TimeSpan.Zero || _held.Count > MostHeld)
                {
                    _isGiving = true;
                    return _held.Dequeue();
                }
                _ = Monitor.Wait(_gate, Math.Max(1, (int)wait.TotalMilliseconds));
            }
            return null;
        }
    }

    private void Give(VideoFrame frame, TimeSpan taken)
    {
        try
        {
            _give(frame, taken);
        }
        finally
        {
            lock (_gate)
            {
                _isGiving = false;
                if (_thread is not null)
                    Monitor.PulseAll(_gate);
            }
        }
    }

    private void Wake()
    {
        lock (_gate)
            Monitor.PulseAll(_gate);
    }
}
