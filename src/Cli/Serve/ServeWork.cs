using System.CommandLine;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Remote;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Serve;

/// <summary>
/// What <c>serve</c> and <c>studio</c> share: sessions in this process, steered from
/// standard input and, if wanted, by HTTP.
/// </summary>
internal sealed class ServeWork
{
    private static readonly TimeSpan StatusEvery = TimeSpan.FromSeconds(10);
    // Thirty years; as the sessions' own.
    private const double LongestDuration = 1e9;

    private readonly Option<string?> _config;
    private readonly Option<double?> _duration = new("--duration")
    {
        HelpName = "SECONDS",
        Description = "Stop after so long. Default: never.",
    };

    private readonly Option<string?> _logFormat = JsonLog.Option();

    private readonly Command _command;

    /// <param name="command">Given the options.</param>
    /// <param name="config">The sessions file.</param>
    public ServeWork(Command command, Option<string?> config)
    {
        (_command, _config) = (command, config);
        command.Add(config);
        command.Add(_duration);
        command.Add(_logFormat);
    }

    /// <summary>Runs until somebody stops it.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="give">Gives options of all sessions from the command line; null for none.</param>
    /// <param name="http">Where it is reached; null for standard input only.</param>
    /// <param name="wrong">What is wrong with the command line besides.</param>
    public int Run(ParseResult parse, Action<GivenOptions>? give, HttpAccess? http, IEnumerable<string> wrong)
    {
        var (problems, notes) = (new List<string>(wrong), new List<string>());
        var path = parse.GetValue(_config);
        var file = SessionsFile.Read(path, problems, notes, give, http?.Presets);
        if (parse.GetValue(_duration) is { } length and not (> 0 and <= LongestDuration))
            problems.Add($"duration must be above 0 and at most {LongestDuration:0} seconds, not {length}");
        if (JsonLog.Problem(parse.GetValue(_logFormat)) is { } wrongFormat)
            problems.Add(wrongFormat);
        if (problems.Count > 0)
            return Usage.Report(problems, _command.Name);
        IServeLog log = JsonLog.IsOn ? new ServeJson() : new ServeText();
        foreach (var note in notes.Distinct())
            log.Say($"note: {note}");

        using var signals = new CancelOnSignal();
        using var timed = CancellationTokenSource.CreateLinkedTokenSource(signals.Token);
        // It answers while the model is being loaded, and tells to the end what becomes of sessions.
        using var studio = http?.Open(file.Options, path, log);
        using var restarts = new SessionRestarts(log);
        var outcome = new ServeOutcome();
        void Tell(LiveEvent news)
        {
            outcome.Tell(news);
            restarts.Tell(news);
            studio?.Tell(news);
        }
        using (var server = new SessionServer(file.Options, file.Host, Tell))
        {
            using var controllers = new Controllers(file.Options.Control, server.Steered, text => log.Say(text));
            server.SessionChanged += controllers.Tell;
            restarts.Attach(server);
            studio?.Begin(server, restarts);
            foreach (var plan in file.Sessions)
                Start(server, plan, log, restarts, outcome);
            var desk = new ServeDesk(server, file.Options, path, log, signals.Stop, restarts);
            // Reading cannot be interrupted: the thread ends with the program.
            new Thread(() => desk.Read(Console.In)) { Name = "streamdiff serve", IsBackground = true }.Start();
            if (parse.GetValue(_duration) is { } seconds)
                timed.CancelWithin(TimeSpan.FromSeconds(seconds));
            ServiceManager.Ready();
            // What a status tells is asked of the device's thread: one that hangs holds this loop as well.
            var (clock, isEnding, told) = (TimeProvider.System, false, TimeProvider.System.GetTimestamp());
            using var alive = ServiceManager.KeepAlive(
                () => Volatile.Read(ref isEnding) || clock.GetElapsedTime(Volatile.Read(ref told)) < ServiceManager.StandsStill);
            while (!timed.Token.WaitHandle.WaitOne(StatusEvery))
            {
                // A studio may wait for its first session for days.
                if (http is null || server.Sessions.Count > 0)
                    log.Status(server);
                Volatile.Write(ref told, clock.GetTimestamp());
            }
            Volatile.Write(ref isEnding, true);
            log.Status(server, isLast: true);
        }
        return signals.Token.IsCancellationRequested ? signals.ExitCodeOr(ExitCode.Failed, outcome.Code) : outcome.Code;
    }

    // One that is refused is told of; the others go on.
    private static void Start(SessionServer server, SessionPlan plan, IServeLog log, SessionRestarts restarts, ServeOutcome outcome)
    {
        restarts.Know(plan);
        try
        {
            server.Start(plan.Name, plan.Options, plan.Slo);
        }
        catch (Exception e) when (e is ModelException or ControlException or Transport.Media.MediaException)
        {
            log.Say(e.Message, isError: true);
            outcome.Refused(plan.Name);
        }
    }
}
