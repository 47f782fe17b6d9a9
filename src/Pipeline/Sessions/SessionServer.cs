using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Live;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>Many live sessions with sources and outputs of their own in one process. All members may be used from any thread.</summary>
public sealed class SessionServer : IDisposable
{
    private const string Tiny = "taehv";

    private readonly LoadedModel _model;
    private readonly SessionHost _host;
    private readonly IVae? _tinyVae;
    private readonly SessionMetrics _metrics;
    private readonly Action<LiveEvent> _log;
    private readonly Lock _gate = new();
    private readonly List<ServedSession> _sessions = [];

    /// <summary>Loads the model and looks at the device.</summary>
    /// <param name="options">Model, VAE, device, type and threads for all sessions; size, window and sinks where a session names none.</param>
    /// <param name="host">What there is room for.</param>
    /// <param name="log">Told of changes of state, from several threads.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public SessionServer(RestyleOptions options, HostOptions host, Action<LiveEvent> log)
    {
        _log = log;
        _model = LoadedModel.Open(options, log: text => log(new LiveEvent(TimeSpan.Zero, false, "ranks", "note", text)));
        using var inference = inference_mode();
        try
        {
            var latency = HostLatency.Find(_model, options, log);
            _tinyVae = TinyVae();
            _host = new SessionHost(_model, host with { Latency = latency }, new DeadlineBatchPolicy(latency), new LiveClock(TimeProvider.System), log, _tinyVae);
            _metrics = new SessionMetrics(() => Sessions, () => _host.Statistics);
        }
        catch
        {
            _tinyVae?.Dispose();
            _model.Dispose();
            throw;
        }
    }

    /// <summary>Sessions that live, the oldest first.</summary>
    public IReadOnlyList<ServedSession> Sessions
    {
        get
        {
            lock (_gate)
                return [.. _sessions];
        }
    }

    public HostStatistics Statistics => _host.Statistics;

    /// <summary>Begins a session.</summary>
    /// <param name="name">Unique.</param>
    /// <param name="options">Checked options of a live run; model and device are the server's.</param>
    /// <param name="slo">What it is promised.</param>
    /// <exception cref="AdmissionException">Promises could not be kept; says what would fit.</exception>
    /// <exception cref="ModelException">There is one of that name, or no lanes are left.</exception>
    /// <exception cref="MediaException">It would write what another session reads or writes.</exception>
    public ServedSession Start(string name, RestyleOptions options, SessionSlo slo)
    {
        // Under the gate: it may end before it is in the list.
        lock (_gate)
        {
            var files = FilesOf(name, options);
            if (FileRules.Clashes([.. _sessions.SelectMany(s => s.Files)], files).FirstOrDefault() is { } problem)
                throw new MediaException(problem);
            var session = new ServedSession(_host, new SessionRequest(name, options, slo) { Controls = Controls(options) }, files, _model.SizeOf(options), news => _log(news with { Session = name }), Ended);
            _sessions.Add(session);
            return session;
        }
    }

    /// <summary>Files that a session reads and writes, with its name.</summary>
    public static IReadOnlyList<FileUse> FilesOf(string name, RestyleOptions options) => [.. RunFiles.Of(options).Select(f => f with { Owner = $"session {name}" })];

    /// <summary>Ends a session. False when there is none of that name.</summary>
    public bool Stop(string name)
    {
        if (Sessions.FirstOrDefault(s => s.Name == name) is not { } session)
            return false;
        session.Dispose();
        return true;
    }

    public void Dispose()
    {
        _metrics.Dispose();
        foreach (var session in Sessions)
            session.Dispose();
        _host.Dispose();
        _tinyVae?.Dispose();
        _model.Dispose();
    }

    // A session is steered by its timeline and, at any time, by whoever serves it.
    private static SessionControls Controls(RestyleOptions options) =>
        RunControl.For(options with { Log = null }, new SessionControls(), () => throw new InvalidOperationException("a session writes no log")).Controls;

    // Small enough to have it ready for sessions that must give up the large one.
    private IVae? TinyVae()
    {
        if (_model.Vae == Tiny || _model.Config.Vae.Taehv is null)
            return null;
        try
        {
            return ModelBundle.LoadVae(_model.Model, Tiny, _model.Target.Device, _model.Target.Type);
        }
        catch (ModelException e)
        {
            _log(new LiveEvent(TimeSpan.Zero, false, "host", "tiny VAE", $"no session can change to it: {e.Message}"));
            return null;
        }
    }

    private void Ended(ServedSession session, Exception? fault)
    {
        lock (_gate)
            _sessions.Remove(session);
        if (fault is not null)
            _log(new LiveEvent(_host.Clock.Now, true, "run", "failed", fault.Message) { Session = session.Name });
    }
}
