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
    private volatile bool _isOver;
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
            var fault = Run();
            _isOver = true;
            ended(this, fault);
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

    /// <summary>Source and outputs begin.</summary>
    internal void Begin() => _thread.Start();

    /// <summary>Stops it; returns when its outputs are closed.</summary>
    public void Dispose()
    {
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            _path?.Dispose();
            _control.Dispose();
            Outputs.Dispose();
            return;
        }
        // Several may do so at a time: nothing is disposed that another one still needs.
        _stop.Cancel();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private Exception? Run()
    {
        try
        {
            using (_control)
            {
                LiveResult result;
                using (_path)
                    result = LiveRestyle.Run(
                        Options, Size, _clock, Outputs, run => _path is null ? PassThrough(run) : _path.To(run.Finished), _log,
                        new Latest(this), _stop.Token, isOneOfMany: true, Door);
                _status = result.Status;
                foreach (var output in result.Status.Outputs.Where(o => o.Obstacle is not null))
                    _log(new LiveEvent(_clock.Now, true, $"output {output.Name}", LiveEvent.NothingDelivered, output.Obstacle!));
                if (_control.End(result.Cancelled) is { } problem)
                    _log(new LiveEvent(_clock.Now, true, "control", "note", problem));
            }
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private PassthroughPath PassThrough(LiveRun run) => new((frame, taken) =>
    {
        if (Interlocked.CompareExchange(ref _first, 1, 0) == 0)
            _log(new LiveEvent(_clock.Now, false, "session", "first picture", "passed through"));
        run.Finished(frame, taken);
    });

    private static SessionStatistics Plain(LiveStatus? status) => new()
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
        LatencyP99 = status?.LatencyP95 ?? default,
        LatencyMax = status?.LatencyP95 ?? default,
        Chunks = 0,
        Steps = 0,
        Degraded = [],
    };

    private sealed class Latest(ServedRun session) : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value) => session._status = value;
    }
}
