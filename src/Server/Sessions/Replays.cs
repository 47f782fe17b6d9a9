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
internal sealed class Replays(StudioFolder folder) : IDisposable
{
    private const int Kept = 50;
    private static readonly string[] Containers = ["mkv", "mp4"];

    private readonly Lock _gate = new();
    private readonly List<Replay> _replays = [];
    private readonly CancellationTokenSource _stop = new();
    private long _last;

    public IReadOnlyList<ReplayInfo> All
    {
        get
        {
            lock (_gate)
                return [.. _replays.Select(r => r.Info)];
        }
    }

    /// <summary>Begins one.</summary>
    /// <exception cref="RefusedException">There is no such log or input, or another one runs.</exception>
    public ReplayInfo Start(NewReplay request, Caller caller)
    {
        if (!caller.IsFor(request.Session))
            throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {request.Session}");
        var container = request.Container ?? Containers[0];
        if (!Containers.Contains(container))
            throw new RefusedException(
                StatusCodes.Status422UnprocessableEntity,
                new FieldProblem($"container must be {string.Join(" or ", Containers)}, not {container}", "container"));
        var input = InputOf(request, caller);
        var log = folder.Log(request.Session);
        if (!File.Exists(log))
            throw RefusedException.NotFound($"there is no log of a session named {request.Session}: begin it with \"log\": true");
        lock (_gate)
        {
            if (_replays.Exists(r => r.Info.State == Replay.Running))
                throw new RefusedException(StatusCodes.Status409Conflict, "a replay runs already: wait for it or stop it");
            Directory.CreateDirectory(folder.Replays);
            var id = (++_last).ToString(CultureInfo.InvariantCulture);
            var output = Path.Combine(folder.Replays, $"{request.Session}-{id}.{container}");
            File.Delete(output);
            var replay = new Replay(id, request.Session, output);
            var source = LogReplay.Open(log);
            var options = source.Options(input, [output]);
            var check = RestyleOptionsValidator.Check(
                request.Steps is { } steps ? options with { Sampling = options.Sampling with { Steps = steps } } : options, new ModelCatalog(),
                FileUse.Read("session log", log));
            if (check.Problems.Count > 0)
                throw new RefusedException(
                    StatusCodes.Status422UnprocessableEntity, [.. check.Problems.Distinct().Select(p => new FieldProblem(p))]);
            _replays.Add(replay);
            if (_replays.Count > Kept)
            {
                _replays[0].Dispose();
                _replays.RemoveAt(0);
            }
            replay.Run(source.Begin(check.Options), _stop.Token);
            return replay.Info;
        }
    }

    /// <summary>One of them.</summary>
    /// <exception cref="RefusedException">There is none of that number.</exception>
    public Replay Get(string id)
    {
        lock (_gate)
            return _replays.Find(r => r.Info.Id == id) ?? throw RefusedException.NotFound($"there is no replay {id}");
    }

    public void Dispose()
    {
        _stop.Cancel();
        foreach (var replay in _replays)
            replay.Dispose();
        _stop.Dispose();
    }

    // A recording of the studio's own may be named by who is no admin.
    private string InputOf(NewReplay request, Caller caller)
    {
        var own = Path.Combine(folder.Recordings(request.Session), request.Input);
        if (StudioFolder.IsName(request.Input) && File.Exists(own))
            return own;
        return caller.Role >= Role.Admin || request.Input.StartsWith("test:", StringComparison.Ordinal)
            ? request.Input
            : throw new RefusedException(
                StatusCodes.Status403Forbidden,
                "files of the machine are for admin keys: name a recording of the session, or its test: source");
    }
}

/// <summary>One replay. All members may be used from any thread.</summary>
internal sealed class Replay(string id, string session, string output) : IDisposable
{
    public const string Running = "running";

    private readonly CancellationTokenSource _stop = new();
    private volatile ReplayInfo _info = new(id, session, Running, 0);
    private Task _work = Task.CompletedTask;

    public ReplayInfo Info => _info;

    /// <summary>What it writes.</summary>
    public string Output => output;

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
            using (run)
                _info = Result(run, stop);
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
