using StreamDiff.Pipeline.Live;
using StreamDiff.Transport.Files;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>A session with a source and outputs of its own, on a thread of its own.</summary>
public sealed class ServedSession : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly HostPath _path;
    private readonly Thread _thread;
    private volatile LiveStatus? _status;

    internal ServedSession(SessionHost host, SessionRequest request, IReadOnlyList<FileUse> files, (int Width, int Height) size, Action<LiveEvent> log, Action<ServedSession, Exception?> ended)
    {
        Files = files;
        _path = new HostPath(host, request);
        _thread = new Thread(() => ended(this, Run(host, request.Restyle, size, log))) { Name = $"streamdiff served {request.Name}", IsBackground = true };
        _thread.Start();
    }

    public string Name => Session.Name;

    public LiveSession Session => _path.Session;

    /// <summary>Files that it reads and writes.</summary>
    internal IReadOnlyList<FileUse> Files { get; }

    /// <summary>Source and outputs, as of the last second; null in the first one.</summary>
    public LiveStatus? Status => _status;

    /// <summary>Stops it; returns when its outputs are closed.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        if (Thread.CurrentThread != _thread)
            _thread.Join();
        _stop.Dispose();
    }

    private Exception? Run(SessionHost host, RestyleOptions options, (int Width, int Height) size, Action<LiveEvent> log)
    {
        try
        {
            using (_path)
                _status = LiveRestyle.Run(options, size, host.Clock, run => _path.To(run.Finished), log, new Latest(this), _stop.Token).Status;
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }

    private sealed class Latest(ServedSession session) : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value) => session._status = value;
    }
}
