using System.Text.Json;
using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control.Presets;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Storage;
using StreamDiff.Server.Traces;
using StreamDiff.Transport.Files;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// The sessions of the process, as HTTP sees them: those that it began, and those of a sessions file or of standard input. Those that are
/// over stay known until their name is used again, the last hundred of them. All members may be used from any thread.
/// </summary>
public sealed class StudioSessions : ISessions
{
    private const int MostEnded = 100;

    // A host that does not answer so long is stuck.
    private static readonly TimeSpan HostPatience = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, StudioSession> _sessions = new(StringComparer.Ordinal);
    private readonly RestyleOptions _options;
    private readonly IReadOnlyList<FileUse> _files;
    private readonly StudioFolder _folder;
    private readonly TimeProvider _time;
    private SessionServer? _server;
    private ISessionRestarts? _restarts;

    /// <param name="options">What a session has where its description says nothing else.</param>
    /// <param name="files">Files that no session may write, such as the sessions file.</param>
    /// <param name="events">Told what happens.</param>
    /// <param name="folder">Where logs and presets are kept.</param>
    /// <param name="time">The time.</param>
    public StudioSessions(
        RestyleOptions options, IEnumerable<FileUse> files, EventFeed events, StudioFolder folder, TimeProvider time) =>
        (_options, _files, Events, _folder, _time) = (
            options with { Control = options.Control with { Presets = folder.Presets } }, [.. files], events, folder, time);

    /// <summary>Those that the studio keeps, and the built-in ones.</summary>
    public PresetLibrary Presets => _options.Control.Presets;

    public EventFeed Events { get; }

    /// <summary>True once the model is loaded.</summary>
    public bool IsReady => Volatile.Read(ref _server) is not null;

    /// <summary>Runs them.</summary>
    /// <exception cref="RefusedException">The model is still being loaded.</exception>
    public SessionServer Server => Volatile.Read(ref _server)
        ?? throw new RefusedException(StatusCodes.Status503ServiceUnavailable, "the model is still being loaded: try again in a moment");

    /// <summary>Name of the model that is loaded, or passthrough; null before it is.</summary>
    public string? ModelName => IsReady ? Server.Loaded?.Model.Name ?? ComputeOptions.Passthrough : null;

    /// <summary>Told of a run that is over; its outputs are closed.</summary>
    internal event Action<ServedRun>? Ended;

    /// <summary>All that are known, the oldest first.</summary>
    public IReadOnlyList<StudioSession> All
    {
        get
        {
            Adopt();
            lock (_gate)
                return [.. _sessions.Values.OrderBy(s => s.Created)];
        }
    }

    /// <summary>The model is loaded.</summary>
    /// <param name="server">Runs the sessions.</param>
    /// <param name="restarts">Begins those again that have failed; null: nobody does.</param>
    public void Begin(SessionServer server, ISessionRestarts? restarts = null)
    {
        ArgumentNullException.ThrowIfNull(server);
        _restarts = restarts;
        server.HasPage = true;
        server.SessionEnded += (run, fault) =>
        {
            Ended?.Invoke(run);
            Adopt();
            StudioSession? session;
            lock (_gate)
                session = _sessions.Values.FirstOrDefault(s => s.Run == run) ?? _sessions.GetValueOrDefault(run.Name);
            if (session is null)
                return;
            session.Over(fault is null ? null : Failure.Describe(fault), _time.GetUtcNow());
            Forget(session);
        };
        Volatile.Write(ref _server, server);
    }

    /// <summary>A session by its name; null when none is known.</summary>
    public StudioSession? TryFind(string name)
    {
        Adopt();
        lock (_gate)
            return _sessions.GetValueOrDefault(name);
    }

    /// <summary>A session by its name.</summary>
    /// <exception cref="RefusedException">None is known.</exception>
    public StudioSession Get(string name) => TryFind(name) ?? throw RefusedException.NotFound($"there is no session named {name}");

    /// <summary>A session that runs; null when there is none of that name, or it is still opening.</summary>
    public ServedRun? Find(string name) => TryFind(name) is { State: SessionState.Running, Run: { } run } ? run : null;

    /// <summary>A session that runs.</summary>
    /// <exception cref="RefusedException">It does not.</exception>
    public (StudioSession Session, ServedRun Run) Running(string name) => Get(name) is { State: SessionState.Running, Run: { } run } session
        ? (session, run)
        // Players come again after the one, and not after the other.
        : throw (Get(name).State == SessionState.Opening
            ? new RefusedException(StatusCodes.Status503ServiceUnavailable, $"session {name} is still opening")
            : new RefusedException(StatusCodes.Status409Conflict, $"session {name} has ended"));

    /// <summary>Begins a session; the task is done when it is open. One with the same description is the one that is there.</summary>
    /// <param name="body">Its description.</param>
    /// <param name="caller">Who wants it.</param>
    /// <param name="resumes">True goes on with what is kept of a session of that name, where there is any.</param>
    /// <returns>The session, and whether it is a new one.</returns>
    /// <exception cref="RefusedException">It is refused.</exception>
    internal async Task<(StudioSession Session, bool IsNew)> Start(SessionBody body, Caller caller, bool resumes = false)
    {
        _ = StudioFolder.Checked(body.Name, "session");
        if (!caller.IsFor(body.Name))
            throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {body.Name}");
        var server = Server;
        using var span = StudioTraces.Begin("session.open", body.Name);
        var (session, opening) = Reserve(server, body, caller, resumes);
        await opening.ConfigureAwait(false);
        return session.IsNew ? (session.Session, true) : (session.Session, false);
    }

    /// <summary>Stops a session and waits until its outputs are closed; one that is over is forgotten.</summary>
    /// <exception cref="RefusedException">None is known.</exception>
    public async Task Stop(string name)
    {
        var session = Get(name);
        // One that waits for its next beginning does not get it.
        _restarts?.Forget(name);
        if (session.IsAlive)
        {
            using var span = StudioTraces.Begin("session.stop", name);
            // Closing outputs takes seconds where a server does not take what is sent.
            await Task.Run(() => Server.Stop(name)).ConfigureAwait(false);
            session.Over(null, _time.GetUtcNow());
            return;
        }
        lock (_gate)
            _sessions.Remove(name);
        // What is kept of one that was suspended goes as well.
        _ = await Task.Run(() => Server.Stop(name)).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends a session's source and outputs, and keeps its stream in host memory (<see cref="SessionServer.Suspend"/>). False where nothing
    /// is kept of it: then it has ended.
    /// </summary>
    /// <exception cref="RefusedException">None is known.</exception>
    internal async Task<bool> Suspend(string name)
    {
        var session = Get(name);
        _restarts?.Forget(name);
        var isKept = await Task.Run(() => Server.Suspend(name)).ConfigureAwait(false);
        session.Over(null, _time.GetUtcNow());
        return isKept;
    }

    StudioSessions ISessions.Here => this;

    ValueTask<string?> ISessions.KeyOf(string name, SessionKey kind) => ValueTask.FromResult(TryFind(name)?.KeyOf(kind));

    ValueTask<IReadOnlyList<SessionInfo>> ISessions.All(Caller caller) =>
        ValueTask.FromResult<IReadOnlyList<SessionInfo>>([.. All.Where(s => caller.IsFor(s.Name)).Select(s => Info(s, caller))]);

    ValueTask<SessionInfo> ISessions.Get(string name, Caller caller) => ValueTask.FromResult(Info(Get(name), caller));

    // One host refuses whom it has no room for: who waits here would wait for somebody to stop, and be forgotten by then.
    async Task<(SessionInfo Session, bool IsNew)> ISessions.Start(JsonElement body, Caller caller, bool queue)
    {
        var (session, isNew) = await Start(SessionBody.Read(body), caller).ConfigureAwait(false);
        return (Info(session, caller), isNew);
    }

    Task<ControlReply> ISessions.Change(string name, ControlRequest request, long? version, bool wait, CancellationToken ct) =>
        Steering.Change(this, name, request, version, wait, ct);

    // The answer comes from the device's thread, between two ticks.
    async Task<HostReport?> ISessions.Host()
    {
        var server = Server;
        var asked = Task.Run(() => server.Statistics);
        if (await Task.WhenAny(asked, Task.Delay(HostPatience)).ConfigureAwait(false) != asked)
            return null;
        var host = await asked.ConfigureAwait(false);
        return new HostReport(
            new HostInfo(
                server.Sessions.Count, Math.Round(host.Load, 3), host.LanesLeased, host.LanesAll, host.Ticks,
                Math.Round(host.Busy.TotalSeconds, 3), host.CacheBytes)
            {
                Suspended = host.Suspended,
                SuspendedBytes = host.SuspendedBytes,
            },
            server.Loaded?.Device, server.Loaded?.Type);
    }

    IReplays? ISessions.Replays => null;

    ValueTask<SessionPlace?> ISessions.PlaceOf(string name) => ValueTask.FromResult<SessionPlace?>(null);

    ValueTask<SessionPlace?> ISessions.PlaceOf(string name, string file) => ValueTask.FromResult<SessionPlace?>(null);

    Task<IReadOnlyList<RecordingInfo>?> ISessions.Recordings(string name) => Task.FromResult<IReadOnlyList<RecordingInfo>?>(null);

    private SessionInfo Info(StudioSession session, Caller caller) => SessionRules.InfoOf(session, caller, ModelName);

    private ((StudioSession Session, bool IsNew) Session, Task Opening) Reserve(
        SessionServer server, SessionBody body, Caller caller, bool resumes)
    {
        Adopt();
        lock (_gate)
        {
            if (_sessions.TryGetValue(body.Name, out var known) && known.IsAlive)
                return known.Canonical == body.Canonical
                    ? ((known, false), known.Opening)
                    : throw new RefusedException(
                        StatusCodes.Status409Conflict,
                        $"there is a session named {body.Name} already, with other settings: change it, stop it or take another name");
            var session = new StudioSession(body.Name, body.Canonical, _time.GetUtcNow(), []);
            var (plan, notes) = Describe(body, caller, session.PublishKey, session.PlayKey);
            session.Notes = notes;
            _restarts?.Know(plan);
            session.Restarts = plan.Restarts && _restarts is not null;
            var opening = server.StartAsync(plan.Name, plan.Options, plan.Slo, resumes);
            session.Opening = Open(session, opening, plan.Options, resumes ? known : null);
            _sessions[body.Name] = session;
            foreach (var old in _sessions.Values.Where(s => !s.IsAlive).OrderByDescending(s => s.EndedAt).Skip(MostEnded).ToList())
                _sessions.Remove(old.Name);
            return ((session, true), session.Opening);
        }
    }

    private async Task Open(StudioSession session, Task<ServedRun> opening, RestyleOptions options, StudioSession? before)
    {
        try
        {
            var run = await opening.ConfigureAwait(false);
            Began(session, run, options, run.IsResumed ? before : null);
        }
        catch (Exception e)
        {
            var reason = ProblemAnswers.Of(e).Message;
            session.Over(reason, _time.GetUtcNow());
            Events.Tell(EventKinds.Refused, session.Name, reason, isTrouble: true);
            throw;
        }
    }

    /// <summary>What a description comes to.</summary>
    /// <param name="body">The description.</param>
    /// <param name="caller">Who wants it.</param>
    /// <param name="publishKey">Stands for <c>{publishKey}</c> in the input.</param>
    /// <param name="playKey">Stands for <c>{playKey}</c> in outputs.</param>
    /// <exception cref="RefusedException">It is of no use, or the caller may not have it.</exception>
    internal (SessionPlan Plan, IReadOnlyList<string> Notes) Describe(
        SessionBody body, Caller caller, string publishKey, string playKey)
    {
        var wanted = new List<(string Name, string Text)>();
        foreach (var (name, text) in body.Values)
            switch (name)
            {
                case "input":
                    wanted.Add((name, text == SessionRules.Browser
                        ? $"{SessionRules.Browser}:{body.Name}"
                        : text.Replace("{publishKey}", publishKey, StringComparison.Ordinal)));
                    break;
                case "output":
                    wanted.Add((name, text.Replace("{playKey}", playKey, StringComparison.Ordinal)));
                    break;
                case "log" when text == "true":
                    Directory.CreateDirectory(Path.GetDirectoryName(_folder.Log(body.Name))!);
                    wanted.Add((name, _folder.Log(body.Name)));
                    break;
                case "log" when text == "false":
                    break;
                default:
                    wanted.Add((name, text));
                    break;
            }
        // Viewers and recordings come later.
        if (!wanted.Exists(v => v.Name == "output"))
            wanted.Add(("output", "null:"));
        var given = new GivenOptions(OptionUse.Session);
        foreach (var option in wanted.GroupBy(v => v.Name))
            given.Give(option.Key, [.. option.Select(v => v.Text)]);
        SessionRules.CheckFiles(given.Read(_options), _options, caller, _folder.Log(body.Name));
        var check = SessionReader.Read(_options, given, _files);
        if (check.Plan is not { } plan)
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                [.. check.Problems.DistinctBy(p => p.Text).Select(
                    p => new FieldProblem(p.Text, p.Option is null ? null : SessionBody.FieldOf(p.Option)))]);
        return (plan, [.. check.Notes.Distinct()]);
    }

    // Those that began another way than by HTTP.
    private void Adopt()
    {
        if (Volatile.Read(ref _server) is not { } server)
            return;
        foreach (var run in server.Sessions)
        {
            StudioSession session;
            lock (_gate)
            {
                // Its description is on its way where HTTP began it.
                if (_sessions.TryGetValue(run.Name, out var known) && (known.Run == run || known.State == SessionState.Opening))
                    continue;
                // One that begins again has the keys that it was begun with, and its description.
                session = known is { Restarts: true } before
                    ? before.Again(_time.GetUtcNow())
                    : new StudioSession(run.Name, null, _time.GetUtcNow(), []);
                _sessions[run.Name] = session;
            }
            Began(session, run, run.Options);
        }
    }

    private void Began(StudioSession session, ServedRun run, RestyleOptions options, StudioSession? before = null)
    {
        var controls = run.Session is not null && Server.Loaded is var (model, _, _) ? SessionRules.ControlsOf(options, model) : null;
        session.Began(run, controls, controls is null ? null : run.Session!.Controls, before);
        // It may have ended before it was known to have begun.
        Forget(session);
    }

    private void Forget(StudioSession session)
    {
        if (!session.IsAlive && session.Run is not null)
            session.Forget(SessionRules.InfoOf(session, Caller.Local, ModelName));
    }
}
