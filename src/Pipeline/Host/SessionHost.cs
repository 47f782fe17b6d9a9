using System.Globalization;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Native;
using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Many live sessions in one process: the weights are there once, one thread owns the device and runs what a policy chooses, workers encode
/// and decode. Sessions come and go at any time; one that is stuck or fails hurts nobody else.
/// </summary>
public sealed class SessionHost : IDisposable
{
    private readonly LoadedModel _model;
    private readonly HostWorkers _workers;
    private readonly DeviceLoop _loop;
    private readonly LanePools _pools;
    private readonly HostLoad _load;
    private readonly KeyedNoise _noise;
    private readonly StreamForms _forms;
    private readonly Action<LiveEvent> _log;
    private readonly Lock _gate = new();
    private readonly List<Session> _sessions = [];
    private readonly HashSet<string> _starting = [];
    private int _numbers;
    private bool _isDisposed;

    /// <param name="model">Stays the caller's and must outlive the host.</param>
    /// <param name="options">What there is room for.</param>
    /// <param name="policy">Chooses what runs.</param>
    /// <param name="clock">The clock of all frames' times.</param>
    /// <param name="log">Told of changes of state, from several threads; must not wait for the host.</param>
    /// <param name="tinyVae">For sessions that may give up the model's own; stays the caller's. Null: there is none.</param>
    public SessionHost(
        LoadedModel model, HostOptions options, IBatchPolicy policy, LiveClock clock, Action<LiveEvent>? log = null, IVae? tinyVae = null)
    {
        (_model, Clock, _log) = (model, clock, log ?? (_ => { }));
        _pools = new LanePools(model.Ticks.Runner, options.Lanes);
        _noise = new KeyedNoise(model.Ticks.Runner.Device);
        _workers = new HostWorkers(options.Workers, clock);
        _forms = new StreamForms(model, _pools, _noise, tinyVae);
        _load = new HostLoad(options, _forms, codesElsewhere: model.Target.Device.type == TorchSharp.DeviceType.CPU, _log);
        _loop = new DeviceLoop(model.Ticks, policy, options.RowsPerTick, clock, Failed)
        {
            Between = _load.Look,
            Measured = Observe,
            IsTimed = options.Latency is not null,
        };
    }

    public LiveClock Clock { get; }

    /// <summary>Chooses what runs. May be exchanged at any time: streams go on as they are, with the same frames.</summary>
    public IBatchPolicy Policy
    {
        get => _loop.Policy;
        set => _loop.Policy = value;
    }

    /// <summary>Told how long each pass took, from the device's thread.</summary>
    public Action<TickShape, TimeSpan>? Measured
    {
        get;
        set
        {
            field = value;
            _loop.IsTimed |= value is not null;
        }
    }

    /// <summary>Sessions that live, the oldest first.</summary>
    public IReadOnlyList<Session> Sessions
    {
        get
        {
            lock (_gate)
                return [.. _sessions];
        }
    }

    public HostStatistics Statistics
    {
        get
        {
            var (ticks, rows, busy) = _loop.Counts;
            var (load, coding, leased, all, bytes) = _loop.Do(
                () => (_load.Load, _load.CodingSecondsPerToken, _pools.Lanes.Leased, _pools.Lanes.All, _pools.Bytes));
            return new HostStatistics(Sessions.Count, ticks, rows, busy, load, leased, all, bytes) { CodingSecondsPerToken = coding };
        }
    }

    /// <summary>Time spent in passes.</summary>
    internal TimeSpan Busy => _loop.Counts.Busy;

    /// <summary>Begins a session.</summary>
    /// <param name="request">What is wanted.</param>
    /// <param name="output">Given each restyled frame in order, from the session's own thread; owns it.</param>
    /// <exception cref="AdmissionException">With it, what it or others are promised could not be kept; says what would fit.</exception>
    /// <exception cref="ModelException">The model cannot do what is asked, or there are no lanes left.</exception>
    /// <exception cref="ControlException">The session's controls hold what cannot be done.</exception>
    public Session Start(SessionRequest request, Action<FinishedFrame> output)
    {
        if (request.Slo.Problem is { } problem)
            throw new ModelException($"session {request.Name}: {problem}");
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_starting.Contains(request.Name) || _sessions.Exists(s => s.Name == request.Name))
                throw new ModelException($"there is a session named {request.Name} already");
            _starting.Add(request.Name);
        }
        try
        {
            var session = Open(request, output);
            Tell(request.Name, false, "started",
                $"{session.Size.Width}x{session.Size.Height}, {request.Sampling.Steps} step{(request.Sampling.Steps == 1 ? "" : "s")}"
                + (request.Sampling.Prompt.Length > 0 ? $": {request.Sampling.Prompt}" : ""));
            return session;
        }
        catch (Exception error) when (HostMemory.IsExhausted(error))
        {
            throw Explained(request, error);
        }
        finally
        {
            lock (_gate)
                _starting.Remove(request.Name);
        }
    }

    /// <summary>
    /// Takes a session off the device for a while: it has no lanes and no place in the admission any more, what its caches held goes to
    /// host memory, and frames that are offered to it are lost. Chunks under way stay as far as they have come.
    /// </summary>
    /// <param name="session">One of this host.</param>
    /// <param name="most">Bytes of host memory that it may take.</param>
    /// <returns>Bytes that it takes; null where it cannot be suspended, or not within so much: it goes on then.</returns>
    public long? Suspend(Session session, long most)
    {
        ArgumentNullException.ThrowIfNull(session);
        return _loop.Do<long?>(() =>
        {
            if (session.IsOver || !session.Stream.CanSuspend || session.Stream.Lanes.SuspendedBytes > most)
                return null;
            session.Discontinue();
            _loop.Park(session);
            // What it waited for may have ended it, or have changed its form.
            if (session.IsOver || !session.Stream.CanSuspend)
            {
                _loop.Add(session);
                return null;
            }
            try
            {
                session.Stream.Suspend();
            }
            catch (Exception error)
            {
                session.Fail(error);
                return null;
            }
            _load.Suspend(session);
            return session.Stream.Lanes.SuspendedBytes;
        });
    }

    /// <summary>Puts a session back that was suspended; it goes on as if nothing had been.</summary>
    /// <param name="session">One of this host.</param>
    /// <exception cref="AdmissionException">With it, what it or others are promised could not be kept: it stays suspended.</exception>
    /// <exception cref="ModelException">There are no lanes left, or no memory for them: it stays suspended; or it is over.</exception>
    public void Resume(Session session)
    {
        ArgumentNullException.ThrowIfNull(session);
        _ = _loop.Do(() =>
        {
            if (session.IsOver)
                throw new ModelException($"session {session.Name} is over");
            _load.Resume(session, Clock.Now);
            try
            {
                session.Stream.Resume();
            }
            catch (Exception error)
            {
                _load.Suspend(session);
                if (HostMemory.IsExhausted(error))
                    throw Explained(session.Request, error);
                throw;
            }
            _loop.Add(session);
            return true;
        });
    }

    public void Dispose()
    {
        // Between two sessions' beginnings: whoever has begun is in the list, and nobody begins any more.
        bool IsFirst() => !Interlocked.Exchange(ref _isDisposed, true);
        if (!(_loop.TryDo(IsFirst, out var isFirst) ? isFirst : IsFirst()))
            return;
        foreach (var session in Sessions)
            session.Dispose();
        _loop.Dispose();
        _workers.Dispose();
        _pools.Dispose();
        _noise.Dispose();
    }

    private Session Open(SessionRequest request, Action<FinishedFrame> output)
    {
        var model = _model.Config;
        var fromText = request.Sampling.Mode == DenoisingMode.TextToVideo;
        if (fromText && !request.KeepsAll)
            throw new ModelException("a session restyles pictures: mode text-to-video is for files");
        var controls = request.Controls ?? new StreamControls();
        var settings = _model.Settings(request.Sampling, request.Size);
        var notes = new StreamNotes(
            _model.Model.Name, model, request.Sampling.Prompt, note => Tell(request.Name, note.IsTrouble, "note", note.Text));
        var book = new PromptBook(_model.Prompts, controls.IsOpenEnded, _model.Ticks.Runner.Device, notes);
        // What its timeline asks for is read in one go with the first.
        using var hold = _model.Prompts.Hold();
        try
        {
            if (!request.IsUnprompted)
                book.Prepare(request.Sampling.Prompt).GetAwaiter().GetResult();
            controls.Open(SettingLimits.Of(settings.Denoiser.Geometry, settings.Timesteps(model).Count, fromText, _model.Options),
                change => Prepare(book, change), request.KeepsAll, request.Time is null ? () => Clock.Now : null);
            controls.Applied += applied => Tell(request.Name, false, "changed", applied.ToString());
            controls.Failed += text => Tell(request.Name, true, "change failed", text);
            return _loop.Do(() => Begin(request, settings, controls, book, output));
        }
        catch
        {
            book.Dispose();
            throw;
        }
    }

    private Task Prepare(PromptBook book, ControlChange change)
    {
        var prepared = book.Prepare(change);
        // A chunk of a file may wait for it.
        _ = prepared.ContinueWith(_ => _loop.Wake(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        return prepared;
    }

    // On the device's thread.
    private Session Begin(
        SessionRequest request, StreamSettings settings, StreamControls controls, PromptBook book, Action<FinishedFrame> output)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed), this);
        _load.Admit(request, settings);
        var stream = OpenStream(request, settings, controls, book);
        var session = new Session(++_numbers, request, stream, settings.CreateChunker, controls, _workers, Clock, output, Changed)
        {
            Explain = error => Explained(request, error),
        };
        session.Meter.First = took => FirstFrame(session, took);
        _loop.Add(session);
        _load.Add(session);
        lock (_gate)
            _sessions.Add(session);
        return session;
    }

    private Exception Explained(SessionRequest request, Exception error) =>
        new MemoryNeed(_model.Model, _model.Vae, request.Size, request.Sampling.Steps) { Heads = _model.Heads }
            .Explained(error, _model.Target);

    private DeviceStream OpenStream(SessionRequest request, StreamSettings settings, StreamControls controls, PromptBook book)
    {
        var form = _forms.First(request, Roomy(settings, controls));
        try
        {
            var runner = _model.Ticks.Runner;
            var geometry = settings.Denoiser.Geometry;
            var state = new ControlState(
                settings.Noise?.Scale ?? 1, settings.Denoiser.Timesteps.Count, request.Sampling.Seed, geometry.SinkFrames,
                geometry.SinkThreshold)
            {
                IsCutOut = request.HasAlpha,
                Loras = _model.Loras is { IsLive: true } loras ? loras.Strengths : null,
            };
            var first = request.IsUnprompted ? Unprompted() : book.Take(request.Sampling.Prompt);
            var steering = new StreamSteering(controls, book, first, state, request.Time ?? TimeSpan.FromTicks, request.Log)
            {
                LeastLoopbackDelay = Loopback.LeastDelay(runner.MostEverInFlight),
            };
            var chunks = new ChunkSteering(runner, steering, new StreamNoise(settings.Noise, _noise), settings.Timesteps(_model.Config));
            return new DeviceStream(form, runner.MostEverInFlight, chunks, request.Log, controls.Recording);
        }
        catch
        {
            form.Dispose();
            throw;
        }
    }

    private Tensor Unprompted() => zeros(1, 1, _model.Config.Dit.TextDim, device: _model.Ticks.Runner.Device).DetachFromDisposeScope();

    // Sinks that may change need room for all that can be asked for; those that will not are looked at no more than asked.
    private static DenoiserOptions Roomy(StreamSettings settings, StreamControls controls)
    {
        var changes = settings.Mode != DenoisingMode.TextToVideo
            && (controls.IsOpenEnded || controls.Scheduled.Any(c => c is SinksChange or RefreshChange));
        return changes ? settings.Denoiser with { Geometry = SettingLimits.Roomy(settings.Denoiser.Geometry) } : settings.Denoiser;
    }

    private void FirstFrame(Session session, TimeSpan took)
    {
        var promised = session.Request.Slo.FirstFrameLimit;
        Tell(session.Name, took > promised, "first picture", string.Create(
            CultureInfo.InvariantCulture,
            $"after {took.TotalMilliseconds:0} ms{(took > promised ? $", {promised.TotalMilliseconds:0} ms were promised" : "")}: "
                + $"{FirstFrameParts(session.Statistics.FirstFrameStages)}"));
    }

    private static string FirstFrameParts(IReadOnlyDictionary<ChunkStage, TimeSpan> stages)
    {
        double Of(params ChunkStage[] parts) => parts.Sum(p => stages.GetValueOrDefault(p).TotalMilliseconds);
        return string.Create(CultureInfo.InvariantCulture,
            $"encode {Of(ChunkStage.EncodeWait, ChunkStage.Encode):0}, denoise {Of(ChunkStage.AdmitWait, ChunkStage.Denoise):0}, "
                + $"decode {Of(ChunkStage.DecodeWait, ChunkStage.Decode):0}; its pictures were collected in {Of(ChunkStage.Collect):0} ms");
    }

    private void Tell(string session, bool isTrouble, string state, string text) =>
        _log(new LiveEvent(Clock.Now, isTrouble, "session", state, text) { Session = session });

    private void Changed(Session session)
    {
        if (!session.IsOver)
        {
            _loop.Wake();
            return;
        }
        lock (_gate)
            if (!_sessions.Remove(session))
                return;
        if (session.Fault is { } fault)
            Tell(session.Name, true, "failed", fault.Message);
        else
            Tell(session.Name, false, "ended", "ended");
        _loop.Post(() => End(session));
    }

    // On the device's thread.
    private void End(Session session)
    {
        _loop.Remove(session);
        _load.Remove(session);
        session.Stream.Dispose();
        session.StreamEnded();
    }

    private void Observe(TickShape shape, TimeSpan took)
    {
        _load.Measured(shape, took);
        Measured?.Invoke(shape, took);
    }

    private void Failed(Exception error)
    {
        foreach (var session in Sessions)
            session.Fail(error);
    }
}
