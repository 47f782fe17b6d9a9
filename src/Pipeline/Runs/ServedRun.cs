using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media.Browser;

namespace StreamDiff.Pipeline.Runs;

/// <summary>A session with a source and outputs of its own, on a thread of its own.</summary>
public sealed class ServedRun : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly RunControl _control;
    private readonly HostPath _path;
    private readonly Thread _thread;
    private volatile LiveStatus? _status;

    /// <summary>Opens the session on its host; source and outputs wait for <see cref="Begin"/>.</summary>
    /// <param name="host">Where it runs.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="control">Its changes and its log; taken over.</param>
    /// <param name="size">Size of its frames.</param>
    /// <param name="door">Where browsers come to it; not taken over.</param>
    /// <param name="log">Told of changes of state.</param>
    /// <param name="ended">Told once, after <see cref="Begin"/>, that it is over, with what it failed by; from its own thread.</param>
    internal ServedRun(
        SessionHost host, SessionRequest request, RunControl control, (int Width, int Height) size, BrowserDoor door,
        Action<LiveEvent> log, Action<ServedRun, Exception?> ended)
    {
        (_control, Door) = (control, door);
        try
        {
            _path = new HostPath(host, request with { Controls = control.Controls, Log = control.Log });
        }
        catch
        {
            control.Dispose();
            throw;
        }
        _thread = new Thread(() => ended(this, Run(host, request.Restyle, size, log)))
        {
            Name = $"streamdiff served {request.Name}",
            IsBackground = true,
        };
    }

    public string Name => Session.Name;

    public Session Session => _path.Session;

    /// <summary>Where browsers come to it.</summary>
    public BrowserDoor Door { get; }

    /// <summary>Source and outputs, as of the last second; null in the first one.</summary>
    public LiveStatus? Status => _status;

    /// <summary>Source and outputs begin.</summary>
    internal void Begin() => _thread.Start();

    /// <summary>Stops it; returns when its outputs are closed.</summary>
    public void Dispose()
    {
        if (_thread.ThreadState.HasFlag(ThreadState.Unstarted))
        {
            _path.Dispose();
            _control.Dispose();
            return;
        }
        // Several may do so at a time: nothing is disposed that another one still needs.
        _stop.Cancel();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private Exception? Run(SessionHost host, RestyleOptions options, (int Width, int Height) size, Action<LiveEvent> log)
    {
        try
        {
            using (_control)
            {
                LiveResult result;
                using (_path)
                    result = LiveRestyle.Run(options, size, host.Clock, run => _path.To(run.Finished), log, new Latest(this), _stop.Token,
                        Door);
                _status = result.Status;
                if (_control.End(result.Cancelled) is { } problem)
                    log(new LiveEvent(host.Clock.Now, true, "control", "note", problem));
            }
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private sealed class Latest(ServedRun session) : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value) => session._status = value;
    }
}
