using System.Globalization;
using Microsoft.AspNetCore.Http;
using StreamDiff.Client;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Storage;
using StreamDiff.Transport.Files;

namespace StreamDiff.Server.Sessions;

/// <summary>
/// Logs of sessions run again, one at a time: a replay loads the model of its session beside the studio's. All members may be used from
/// any thread.
/// </summary>
/// <param name="folder">Where logs and results are.</param>
/// <param name="elsewhere">Logs and recordings of others; null where there are none.</param>
internal sealed class Replays(StudioFolder folder, ISessionFiles? elsewhere) : IReplays, IDisposable
{
    private const int Kept = 50;
    private static readonly string[] Containers = ["mkv", "mp4"];

    private readonly Lock _gate = new();
    private readonly List<Replay> _replays = [];
    private readonly CancellationTokenSource _stop = new();
    private bool _isStarting;
    private long _last;

    /// <summary>True while one runs, or is about to.</summary>
    public bool IsBusy
    {
        get
        {
            lock (_gate)
                return _isStarting || _replays.Exists(r => r.Info.State == Replay.Running);
        }
    }

    /// <summary>What is wrong with a request wherever it is made.</summary>
    /// <exception cref="RefusedException">It is not for the caller, or there is no such container.</exception>
    public static void Check(NewReplay request, Caller caller)
    {
        if (!caller.IsFor(request.Session))
            throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {request.Session}");
        if (request.Container is { } container && !Containers.Contains(container))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem($"container must be {string.Join(" or ", Containers)}, not {container}", "container"));
        _ = StudioFolder.Checked(request.Session, "session");
    }

    /// <summary>There is no log of a session.</summary>
    public static RefusedException NoLog(string session) =>
        RefusedException.NotFound($"there is no log of a session named {session}: begin it with \"log\": true");

    /// <summary>A recording of the session's own may be named by who is no admin, and so may pictures that are made.</summary>
    /// <param name="request">Names no recording of the session's.</param>
    /// <param name="caller">Who wants it.</param>
    /// <exception cref="RefusedException">It names a file of the machine, and the caller may not.</exception>
    public static void CheckInput(NewReplay request, Caller caller)
    {
        if (caller.Role < Role.Admin && !request.Input.StartsWith("test:", StringComparison.Ordinal))
            throw new RefusedException(
                StatusCodes.Status403Forbidden,
                "files of the machine are for admin keys: name a recording of the session, or its test: source");
    }

    public Task<IReadOnlyList<ReplayInfo>> All(Caller caller)
    {
        lock (_gate)
            return Task.FromResult<IReadOnlyList<ReplayInfo>>([.. _replays.Select(r => r.Info).Where(r => caller.IsFor(r.Session))]);
    }

    public async Task<ReplayInfo> Start(NewReplay request, Caller caller, CancellationToken ct)
    {
        Check(request, caller);
        string id;
        lock (_gate)
        {
            if (_isStarting || _replays.Exists(r => r.Info.State == Replay.Running))
                throw new RefusedException(StatusCodes.Status409Conflict, "a replay runs already: wait for it or stop it");
            _isStarting = true;
            id = (++_last).ToString(CultureInfo.InvariantCulture);
        }
        var copies = new List<string>();
        try
        {
            Directory.CreateDirectory(folder.Replays);
            var input = await InputOf(request, caller, id, copies, ct).ConfigureAwait(false);
            var log = await LogOf(request.Session, id, copies, ct).ConfigureAwait(false);
            return Begin(request, id, log, input, copies, ct);
        }
        catch
        {
            Replay.Delete(copies);
            throw;
        }
        finally
        {
            lock (_gate)
                _isStarting = false;
        }
    }

    public Task<ReplayInfo> Get(string id, Caller caller) => Task.FromResult(Of(id, caller).Info);

    public Task Stop(string id, Caller caller)
    {
        Of(id, caller).Stop();
        return Task.CompletedTask;
    }

    public Task<ReplayFile> FileOf(string id) => Task.FromResult(new ReplayFile(Find(id).Output, null));

    public void Dispose()
    {
        _stop.Cancel();
        foreach (var replay in _replays)
            replay.Dispose();
        _stop.Dispose();
    }

    private ReplayInfo Begin(
        NewReplay request, string id, string log, string input, IReadOnlyList<string> copies, CancellationToken ct)
    {
        var output = Path.Combine(folder.Replays, $"{request.Session}-{id}.{request.Container ?? Containers[0]}");
        File.Delete(output);
        var source = LogReplay.Open(log);
        var options = source.Options(input, [output]);
        var check = RestyleOptionsValidator.Check(
            request.Steps is { } steps ? options with { Sampling = options.Sampling with { Steps = steps } } : options,
            new ModelCatalog(),
            FileUse.Read("session log", log));
        if (check.Problems.Count > 0)
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity, [.. check.Problems.Distinct().Select(p => new FieldProblem(p))]);
        var run = source.Begin(check.Options);
        // Who has given up says that it was refused, and may have it elsewhere by now.
        if (ct.IsCancellationRequested)
        {
            run.Dispose();
            throw new OperationCanceledException(ct);
        }
        var replay = new Replay(id, request.Session, output, copies);
        lock (_gate)
        {
            _replays.Add(replay);
            if (_replays.Count > Kept)
            {
                _replays[0].Dispose();
                _replays.RemoveAt(0);
            }
        }
        replay.Run(run, _stop.Token);
        return replay.Info;
    }

    private Replay Of(string id, Caller caller) => Find(id) is var replay && caller.IsFor(replay.Info.Session)
        ? replay
        : throw new RefusedException(
            StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {replay.Info.Session}");

    private Replay Find(string id)
    {
        lock (_gate)
            return _replays.Find(r => r.Info.Id == id) ?? throw RefusedException.NotFound($"there is no replay {id}");
    }

    // A session that has moved left a log with each worker that it had: the newest is the one that is meant.
    private async Task<string> LogOf(string session, string id, List<string> copies, CancellationToken ct)
    {
        var own = folder.Log(session);
        if (elsewhere is not null && await elsewhere.Find(session, "log").ConfigureAwait(false) is [var found, ..]
            && !(File.Exists(own) && File.GetLastWriteTimeUtc(own) >= found.Changed))
            return await Copied(found, $"{session}-{id}.log", copies, ct).ConfigureAwait(false);
        return File.Exists(own) ? own : throw NoLog(session);
    }

    private async Task<string> InputOf(NewReplay request, Caller caller, string id, List<string> copies, CancellationToken ct)
    {
        if (StudioFolder.IsName(request.Input))
        {
            var own = Path.Combine(folder.Recordings(request.Session), request.Input);
            if (File.Exists(own))
                return own;
            if (elsewhere is not null
                && await elsewhere.Find(request.Session, $"recordings/{request.Input}").ConfigureAwait(false) is [var found, ..])
                return await Copied(found, $"{request.Session}-{id}-{request.Input}", copies, ct).ConfigureAwait(false);
        }
        CheckInput(request, caller);
        return request.Input;
    }

    private async Task<string> Copied(FoundFile file, string name, List<string> copies, CancellationToken ct)
    {
        var to = Path.Combine(folder.Replays, name);
        copies.Add(to);
        await elsewhere!.Copy(file, to, ct).ConfigureAwait(false);
        return to;
    }
}

/// <summary>One replay. All members may be used from any thread.</summary>
/// <param name="id">Its number.</param>
/// <param name="session">Whose log it runs.</param>
/// <param name="output">What it writes.</param>
/// <param name="copies">Files that it reads and nobody needs afterwards.</param>
internal sealed class Replay(string id, string session, string output, IReadOnlyList<string> copies) : IDisposable
{
    public const string Running = "running";

    private readonly CancellationTokenSource _stop = new();
    private volatile ReplayInfo _info = new(id, session, Running, 0);
    private Task _work = Task.CompletedTask;

    public ReplayInfo Info => _info;

    /// <summary>What it writes.</summary>
    public string Output => output;

    /// <summary>Deletes files, those that are there.</summary>
    public static void Delete(IReadOnlyList<string> files)
    {
        foreach (var file in files)
            try
            {
                File.Delete(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Then it lies there until the next one of that number.
            }
    }

    public void Stop() => _stop.Cancel();

    /// <summary>Waits until it is over.</summary>
    public void Dispose()
    {
        _work.Wait();
        _stop.Dispose();
    }

    public void Run(ReplayRun run, CancellationToken stop) => _work = Task.Factory.StartNew(
        () =>
        {
            ReplayInfo result;
            using (run)
                result = Result(run, stop);
            Delete(copies);
            _info = result;
        },
        CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private ReplayInfo Result(ReplayRun run, CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _stop.Token);
        try
        {
            var result = FileRestyle.Run(run.Options, run.Controls, new Progress(this), either.Token);
            if (result.Cancelled)
                return _info with { State = "failed", FramesOut = result.Progress.FramesOut, Text = "stopped" };
            var (text, isAsExpected) = run.Compare();
            var isCompared = !text.Contains("not compared", StringComparison.Ordinal);
            return _info with
            {
                State = "done",
                FramesOut = result.Progress.FramesOut,
                Text = text,
                IsIdentical = isCompared ? isAsExpected : null,
            };
        }
        catch (Exception e)
        {
            return _info with { State = "failed", Text = e is OperationCanceledException ? "stopped" : ProblemAnswers.Of(e).Message };
        }
    }

    private sealed class Progress(Replay replay) : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value) => replay._info = replay._info with { FramesOut = value.FramesOut };
    }
}
