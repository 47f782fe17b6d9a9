using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media.Browser;

namespace StreamDiff.Pipeline.Runs;

/// <summary>A session with a source and outputs of its own, on a thread of its own; in a host, or without a model.</summary>
public sealed class ServedRun : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly RunControl _control;
    private readonly HostPath? _path;
    private readonly LiveClock _clock;
    private readonly Action<LiveEvent> _log;
    private readonly Thread _thread;
    private volatile LiveStatus? _status;
    private readonly Lock _gate = new();
    private volatile bool _isOver;
    private Exception? _fault;
    private bool _isReleased;
    private bool _isLeft;
    private int _first;

    /// <summary>Prepares it; source and outputs wait for <see cref="Begin"/>.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="options">The run.</param>
    /// <param name="size">Size of its frames.</param>
    /// <param name="clock">The server's.</param>
    /// <param name="control">Its changes and its log; taken over.</param>
    /// <param name="path">Its session in a host, taken over; null passes frames through as they are.</param>
    /// <param name="door">Where browsers come to it, not taken over; null where there is no page.</param>
    /// <param name="log">Told of changes of state.</param>
    /// <param name="lease">Without it no output is written; null where nobody else writes there.</param>
    /// <param name="ended">Told once, after <see cref="Begin"/>, that it is over, with what it failed by; from its own thread.</param>
    internal ServedRun(
        string name, RestyleOptions options, (int Width, int Height) size, LiveClock clock, RunControl control, HostPath? path,
        BrowserDoor? door, Action<LiveEvent> log, Action<ServedRun, Exception?> ended, OutputLease? lease = null)
    {
        (Name, Options, Size, _clock, _control, _path, Door, _log) = (name, options, size, clock, control, path, door, log);
        Outputs = LiveRestyle.OutputsOf(options, size, clock, log, lease);
        _thread = new Thread(() =>
        {
            _fault = Run();
            _isOver = true;
            ended(this, _fault);
        })
        {
            Name = $"streamdiff served {name}",
            IsBackground = true,
        };
    }

    public string Name { get; }

    /// <summary>What it was begun with.</summary>
    public RestyleOptions Options { get; }

    /// <summary>Size of its frames.</summary>
    public (int Width, int Height) Size { get; }

    /// <summary>Where its frames go; others may be added while it runs.</summary>
    public LiveOutputs Outputs { get; }

    /// <summary>Where browsers come to it; null where there is no page.</summary>
    public BrowserDoor? Door { get; }

    /// <summary>True once source and outputs are closed.</summary>
    public bool IsOver => _isOver;

    /// <summary>Its stream in the host; null where frames pass through as they are.</summary>
    public Session? Session => _path?.Session;

    /// <summary>Source and outputs, as of the last second; null in the first one.</summary>
    public LiveStatus? Status => _status;

    /// <summary>How it is doing; without a model as far as source and outputs tell.</summary>
    public SessionStatistics Statistics => Session?.Statistics ?? Plain(_status);

    /// <summary>True where it goes on with what a session of its name had seen before it was suspended.</summary>
    public bool IsResumed { get; internal init; }

    /// <summary>Source and outputs begin.</summary>
    internal void Begin() => _thread.Start();

    /// <summary>Begins to stop it, and waits for nothing.</summary>
    internal void Stop()
    {
        if (!_thread.ThreadState.HasFlag(ThreadState.Unstarted))
            _stop.Cancel();
    }

    /// <summary>Stops it; returns when its outputs are closed.</summary>
    public void Dispose()
    {
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            // Also one that was taken over from a run that held it.
            _path?.Session.Dispose();
            _control.Dispose();
            Outputs.Dispose();
            return;
        }
        // Several may do so at a time: nothing is disposed that another one still needs.
        _stop.Cancel();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    /// <summary>
    /// Stops it as <see cref="Dispose"/> does, and leaves its stream in the host as it is: path and control are the caller's then. Null
    /// where it has none, or is over already.
    /// </summary>
    internal (HostPath Path, RunControl Control)? Leave()
    {
        if (_path is not null && !_thread.ThreadState.HasFlag(ThreadState.Unstarted))
            lock (_gate)
            {
                _isLeft = !_isReleased;
                if (_isLeft)
                    _path.Hold();
            }
        Dispose();
        if (!_isLeft)
            return null;
        if (_fault is null)
            return (_path!, _control);
        _path!.Session.Dispose();
        _control.Dispose();
        return null;
    }

    private Exception? Run()
    {
        try
        {
            LiveResult result;
            try
            {
                result = LiveRestyle.Run(
                    Options, Size, _clock, Outputs, run => _path is null ? PassThrough(run) : Enter(run, _path), _log,
                    new Latest(this), _stop.Token, isOneOfMany: true, Door);
            }
            finally
            {
                Release();
            }
            _status = result.Status;
            foreach (var output in result.Status.Outputs.Where(o => o.Obstacle is not null))
                _log(new LiveEvent(_clock.Now, true, $"output {output.Name}", LiveEvent.NothingDelivered, output.Obstacle!));
            if (!_isLeft && _control.End(result.Cancelled) is { } problem)
                _log(new LiveEvent(_clock.Now, true, "control", "note", problem));
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
        finally
        {
            if (!_isLeft)
                _control.Dispose();
        }
    }

    // One that was left before it had begun stays held.
    private HostPath Enter(LiveRun run, HostPath path)
    {
        lock (_gate)
            return _isLeft ? path : path.To(run.Finished);
    }

    // Whoever takes its stream over does so before this, or not at all.
    private void Release()
    {
        lock (_gate)
        {
            _isReleased = true;
            if (_isLeft)
                return;
        }
        _path?.Dispose();
    }

    private PassthroughPath PassThrough(LiveRun run) => new((frame, taken) =>
    {
        if (Interlocked.CompareExchange(ref _first, 1, 0) == 0)
            _log(new LiveEvent(_clock.Now, false, "session", "first picture", "passed through"));
        run.Finished(frame, taken);
    });

    /// <summary>Of what no model computes: what its outputs measure.</summary>
    internal static SessionStatistics Plain(LiveStatus? status) => new()
    {
        FramesIn = status?.FramesIn ?? 0,
        FramesOut = status?.FramesNew ?? 0,
        Dropped = status?.Dropped ?? 0,
        Late = 0,
        Misses = new Dictionary<FrameStage, long>(),
        FirstFrame = null,
        FirstFrameStages = new Dictionary<ChunkStage, TimeSpan>(),
        Stages = new Dictionary<ChunkStage, TimeSpan>(),
        LatencyP50 = status?.LatencyP50 ?? default,
        LatencyP95 = status?.LatencyP95 ?? default,
        LatencyP99 = status?.LatencyP99 ?? default,
        LatencyMax = status?.LatencyMax ?? default,
        Chunks = 0,
        Steps = 0,
        Degraded = [],
    };

    private sealed class Latest(ServedRun session) : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value) => session._status = value;
    }
}
