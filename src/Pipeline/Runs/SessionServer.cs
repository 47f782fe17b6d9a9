using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// Many live sessions with sources and outputs of their own in one process: on one model, or, where their options name
/// <see cref="ComputeOptions.Passthrough"/> in its place, as they are. All members may be used from any thread.
/// </summary>
public sealed class SessionServer : IDisposable
{
    private const string Tiny = "taehv";

    private readonly LoadedModel? _model;
    private readonly SessionHost? _host;
    private readonly HostOptions _room;
    private readonly LatencyModel? _latency;
    private readonly LiveClock _clock = new(TimeProvider.System);
    private readonly IVae? _tinyVae;
    private readonly ServerMetrics _metrics;
    private readonly Action<LiveEvent> _log;
    private readonly Lock _gate = new();
    private readonly List<Place> _places = [];

    private readonly ParkedStreams _parked;
    private bool _isDisposed;

    /// <summary>Loads the model and looks at the device.</summary>
    /// <param name="options">
    /// Model, VAE, device, type and threads for all sessions; size, window and sinks where a session names none. With the model
    /// <see cref="ComputeOptions.Passthrough"/> nothing is loaded, and there are no other sessions.
    /// </param>
    /// <param name="host">What there is room for.</param>
    /// <param name="log">Told of changes of state, from several threads.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public SessionServer(RestyleOptions options, HostOptions host, Action<LiveEvent> log)
    {
        (_log, _room, _parked) = (log, host, new ParkedStreams((long)(host.SuspendedGigabytes * (1L << 30))));
        if (options.IsPassthrough)
        {
            _metrics = new ServerMetrics(() => Sessions, () => Statistics);
            return;
        }
        _model = LoadedModel.Open(options.Compute, log: text => log(new LiveEvent(TimeSpan.Zero, false, "ranks", "note", text)));
        foreach (var (part, text) in _model.Notes)
            log(new LiveEvent(TimeSpan.Zero, false, part, "note", text));
        using var inference = inference_mode();
        try
        {
            var latency = HostLatency.Find(_model, options.Sampling, options.Frame.SizeFor(_model.Model), log);
            _latency = latency;
            _tinyVae = TinyVae();
            _host = new SessionHost(
                _model, host with { Latency = latency }, new DeadlineBatchPolicy(latency), _clock, log, _tinyVae);
            _metrics = new ServerMetrics(() => Sessions, () => Statistics);
        }
        catch
        {
            _tinyVae?.Dispose();
            _model.Dispose();
            throw;
        }
    }

    /// <summary>Sessions that live, the oldest first; without those that are still opening.</summary>
    public IReadOnlyList<ServedRun> Sessions
    {
        get
        {
            lock (_gate)
                return [.. _places.Select(p => p.Session).OfType<ServedRun>()];
        }
    }

    /// <summary>Told of each session that is over, with what it failed by, from its own thread.</summary>
    public event Action<ServedRun, Exception?>? SessionEnded;

    /// <summary>Told of each change of a session that took effect, from its own thread.</summary>
    public event Action<string, AppliedChange>? SessionChanged;

    /// <summary>
    /// True where there is a page, to which browsers send and which shows what sessions make; false (the default) refuses inputs from it.
    /// </summary>
    public bool HasPage { get; set; }

    /// <summary>
    /// Gives the right to write outputs that a session has by its name, where others may write there; null, also for a name, where nobody
    /// does. Default null.
    /// </summary>
    public Func<string, OutputLease?>? LeaseOf { get; set; }

    /// <summary>How the host is doing; without a model there are only sessions to count.</summary>
    public HostStatistics Statistics
    {
        get
        {
            if (_host is null)
                return new HostStatistics(Sessions.Count, 0, 0, default, 0, 0, 0, 0);
            var (host, (suspended, bytes)) = (_host.Statistics, _parked.Now);
            return host with { Sessions = host.Sessions - suspended, Suspended = suspended, SuspendedBytes = bytes };
        }
    }

    /// <summary>What it can do, as it is measured by now: what a fleet places streams by.</summary>
    /// <param name="mostStreams">Streams that are taken whatever they need.</param>
    public WorkerCapacity Capacity(int mostStreams)
    {
        if (_model is null)
            return new WorkerCapacity(null, null, 1, 0, 0, 0, mostStreams);
        // In steps: what a tick more or less changes is no other capacity.
        static double Rounded(double value) => value > 0 ? Math.Exp(Math.Round(Math.Log(value) / 0.05) * 0.05) : 0;
        return new WorkerCapacity(
            _model.Model.Name, _room.Refuses ? _latency?.Terms : null, Rounded(_latency?.Correction ?? 1), _room.Lanes, _room.RowsPerTick,
            _model.Target.Device.type == TorchSharp.DeviceType.CPU ? _room.Workers : 0, mostStreams)
        {
            CodingSecondsPerToken = Rounded(Statistics.CodingSecondsPerToken),
        };
    }

    /// <summary>What all streams of the server share.</summary>
    /// <exception cref="ModelException">No model was loaded.</exception>
    internal LoadedModel Model => _model ?? throw new ModelException("this server was begun without a model: all it does is passthrough");

    /// <summary>The model that is loaded, and where; null where none is.</summary>
    public (Model Model, string Device, string Type)? Loaded =>
        _model is null ? null : (_model.Model, _model.Target.Device.ToString(), _model.Target.Type.ToString().ToLowerInvariant());

    /// <summary>Begins a session. Returns when it is open: its prompt has been encoded. Nobody else waits for that.</summary>
    /// <param name="name">Unique, also among sessions that are still opening.</param>
    /// <param name="options">Checked options of a live run; model and device are the server's.</param>
    /// <param name="slo">What it is promised.</param>
    /// <exception cref="AdmissionException">Promises could not be kept; says what would fit.</exception>
    /// <exception cref="ModelException">There is one of that name, or no lanes are left.</exception>
    /// <exception cref="MediaException">It would write what another session reads or writes.</exception>
    /// <exception cref="ControlException">Its timeline cannot be used.</exception>
    /// <exception cref="ObjectDisposedException">The server has ended.</exception>
    public ServedRun Start(string name, RestyleOptions options, SessionSlo slo) =>
        Open(Reserve(name, options, resumes: false), options, slo);

    /// <summary>
    /// As <see cref="Start"/>, without waiting: a name or a file that is taken is told at once, everything else by the task. Until then the
    /// name and the files are the session's, which may be steered and stopped already.
    /// </summary>
    /// <param name="name">Unique, also among sessions that are still opening.</param>
    /// <param name="options">Checked options of a live run; model and device are the server's.</param>
    /// <param name="slo">What it is promised.</param>
    /// <param name="resumes">
    /// True goes on with the stream that <see cref="Suspend"/> has kept by this name, with the settings that it had: of the options only
    /// those of source and outputs count then. Where there is none, or no room for it, the session begins anew
    /// (<see cref="ServedRun.IsResumed"/> says which).
    /// </param>
    public Task<ServedRun> StartAsync(string name, RestyleOptions options, SessionSlo slo, bool resumes = false)
    {
        var place = Reserve(name, options, resumes);
        return Task.Run(() => Open(place, options, slo));
    }

    /// <summary>
    /// Ends a session's source and outputs, and takes its stream off the device: it has no place in the admission any more, and what its
    /// caches held is kept in host memory, within <see cref="HostOptions.SuspendedGigabytes"/>, until one of its name is started that
    /// resumes it, is started anew, or is stopped. Returns when the outputs are closed.
    /// </summary>
    /// <param name="name">A session that runs.</param>
    /// <returns>
    /// True where the stream is kept; false where there is no such session, or it just ended: without a model there is nothing to keep,
    /// the caches of ranks cannot be, and there may be no room.
    /// </returns>
    public bool Suspend(string name)
    {
        ServedRun? session;
        lock (_gate)
        {
            if (Find(name) is not { } place)
                return false;
            place.IsStopped = true;
            session = place.Session;
        }
        if (session?.Leave() is not var (path, control))
            return false;
        if (_host!.Suspend(path.Session, _parked.MostBytes) is not { } bytes)
        {
            new ParkedStream(name, path, control, session.Size, 0).Dispose();
            return false;
        }
        var dropped = _parked.Add(new ParkedStream(name, path, control, session.Size, bytes));
        Tell(name, string.Create(
            System.Globalization.CultureInfo.InvariantCulture, $"suspended: {bytes / 1e6:0.0} MB of its caches are kept in host memory"));
        foreach (var oldest in dropped)
        {
            oldest.Dispose();
            Tell(oldest.Name, "what was kept of it is dropped: others were suspended later, and there is no room for all");
        }
        return !dropped.Any(d => d.Path == path);
    }

    /// <summary>Files that a session reads and writes, with its name.</summary>
    public static IReadOnlyList<FileUse> FilesOf(string name, RestyleOptions options) =>
        [.. RunFiles.Of(options).Select(f => f with { Owner = $"session {name}" })];

    /// <summary>
    /// Ends a session; one that is still opening never begins, one that is suspended is forgotten. False when there is none of that name.
    /// </summary>
    public bool Stop(string name)
    {
        ParkedStream? parked;
        Place? place;
        ServedRun? session;
        // In one go: one that is just resumed is either here or there, or has not taken what is kept yet and must not begin without.
        lock (_gate)
        {
            (parked, place) = (_parked.Remove(name), Find(name));
            if (place is not null)
                place.IsStopped = true;
            session = place?.Session;
        }
        parked?.Dispose();
        session?.Dispose();
        return parked is not null || place is not null;
    }

    /// <summary>Where browsers come to a session, also to one that is still opening; null when there is none of that name.</summary>
    public BrowserDoor? DoorOf(string name)
    {
        lock (_gate)
            return Find(name)?.Door;
    }

    /// <summary>What steers a session, also one that is still opening; null when there is none of that name.</summary>
    public StreamControls? ControlsOf(string name)
    {
        lock (_gate)
            return Find(name)?.Controls;
    }

    /// <summary>The streams that controllers of the process reach.</summary>
    public SteeredStreams Steered => new(name => name is null ? null : ControlsOf(name), () =>
    {
        lock (_gate)
            return [.. _places.Select(p => p.Controls)];
    });

    public void Dispose()
    {
        _metrics.Dispose();
        List<Task> opening;
        lock (_gate)
        {
            _isDisposed = true;
            opening = [.. _places.Select(p => p.Opened.Task)];
        }
        // All at once: closing an output can take its time, and meanwhile the others would stay on air.
        foreach (var session in Sessions)
            session.Stop();
        // They use the host and the model.
        Task.WaitAll(opening);
        foreach (var session in Sessions)
            session.Stop();
        foreach (var session in Sessions)
            session.Dispose();
        _parked.Dispose();
        _host?.Dispose();
        _tinyVae?.Dispose();
        _model?.Dispose();
    }

    // The name and the files are the session's from here on, whatever else begins meanwhile.
    private Place Reserve(string name, RestyleOptions options, bool resumes)
    {
        if (!HasPage && options.Input.Address is { Kind: MediaKind.Browser } browser)
            throw SourceOpener.NoPage(browser);
        var place = new Place(name, FilesOf(name, options), Controls(options)) { Resumes = resumes };
        place.Controls.Applied += applied => SessionChanged?.Invoke(name, applied);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (Find(name) is not null)
                throw new ModelException($"there is a session named {name} already");
            if (FileRules.Clashes([.. _places.SelectMany(p => p.Files)], place.Files).FirstOrDefault() is { } problem)
                throw new MediaException(problem);
            _places.Add(place);
        }
        return place;
    }

    // Outside of the gate, which everything else needs: reading the prompt may take seconds.
    private ServedRun Open(Place place, RestyleOptions options, SessionSlo slo)
    {
        ServedRun? session = null;
        try
        {
            session = Prepare(place, options, slo);
            lock (_gate)
            {
                if (place.IsStopped)
                    throw new ModelException($"session {place.Name} was stopped before it had begun");
                ObjectDisposedException.ThrowIf(_isDisposed, this);
                // In this order: it may end at once.
                place.Session = session;
                session.Begin();
            }
            return session;
        }
        catch
        {
            session?.Dispose();
            place.Door.Dispose();
            lock (_gate)
                _places.Remove(place);
            throw;
        }
        finally
        {
            place.Opened.SetResult();
        }
    }

    private ServedRun Prepare(Place place, RestyleOptions options, SessionSlo slo)
    {
        void Log(LiveEvent news) => _log(news with { Session = place.Name });
        var door = HasPage ? place.Door : null;
        if (_parked.Take(place.Name, place.Resumes ? _host : null, Tell, Resumed) is { } run)
            return run;
        if (options.IsPassthrough)
        {
            place.Controls.Open(ControlLimits.OfPassthrough, _ => Task.CompletedTask);
            var size = LiveRestyle.PassthroughSizeOf(options);
            Log(new LiveEvent(_clock.Now, false, "session", "started", $"{size.Width}x{size.Height}, passed through"));
            return new ServedRun(place.Name, options, size, _clock, new RunControl(place.Controls, null), null, door, Log, Ended,
                LeaseOf?.Invoke(place.Name));
        }
        var control = RunControl.Begin(options, place.Controls, Model, isLive: true, text => Tell(place.Name, text));
        HostPath? path = null;
        try
        {
            var size = options.Frame.SizeFor(Model.Model);
            var request = new SessionRequest(place.Name, options.Sampling, size, slo)
            {
                Controls = control.Controls,
                Log = control.Log,
                HasAlpha = options.Output.HasAlpha,
            };
            path = new HostPath(_host!, request);
            return new ServedRun(
                place.Name, options, size, _clock, control, path, door, Log, Ended, LeaseOf?.Invoke(place.Name));
        }
        catch
        {
            path?.Dispose();
            control.Dispose();
            throw;
        }

        ServedRun Resumed(ParkedStream parked)
        {
            var resumed = new ServedRun(
                place.Name, options, parked.Size, _clock, parked.Control, parked.Path, door, Log, Ended, LeaseOf?.Invoke(place.Name))
            {
                IsResumed = true,
            };
            // Whoever changed it while it was opening is told that this came to nothing.
            place.Controls.Close();
            place.Controls = parked.Control.Controls;
            return resumed;
        }
    }

    private void Tell(string session, string text) =>
        _log(new LiveEvent(_clock.Now, false, "session", "note", text) { Session = session });

    private Place? Find(string name) => _places.Find(p => p.Name == name);

    // A session is steered by its timeline and, at any time, by whoever serves it.
    private static StreamControls Controls(RestyleOptions options) =>
        RunControl.Scheduled(options, new StreamControls(presets: options.Control.Presets));

    // Small enough to have it ready for sessions that must give up the large one.
    private IVae? TinyVae()
    {
        if (_model!.Vae == Tiny || _model.Config.Vae.Taehv is null)
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

    private void Ended(ServedRun session, Exception? fault)
    {
        session.Door?.Dispose();
        lock (_gate)
            _places.RemoveAll(p => p.Session == session);
        if (fault is not null)
            _log(new LiveEvent(_clock.Now, true, "run", "failed", fault.Message) { Session = session.Name });
        else if (session.Session is null)
            _log(new LiveEvent(_clock.Now, false, "session", "ended", "ended") { Session = session.Name });
        SessionEnded?.Invoke(session, fault);
    }

    /// <summary>A session from its reservation to its end.</summary>
    private sealed class Place(string name, IReadOnlyList<FileUse> files, StreamControls controls)
    {
        public string Name => name;

        public IReadOnlyList<FileUse> Files => files;

        public StreamControls Controls { get; set; } = controls;

        /// <summary>True goes on with what is kept by its name.</summary>
        public bool Resumes { get; init; }

        public BrowserDoor Door { get; } = new();

        /// <summary>Null while it is opening.</summary>
        public ServedRun? Session { get; set; }

        public bool IsStopped { get; set; }

        /// <summary>Done when it is open, or will never be.</summary>
        public TaskCompletionSource Opened { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
