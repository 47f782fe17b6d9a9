using System.CommandLine;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff serve</c>: many live sessions in one process.</summary>
internal sealed class ServeCommand : Command, ITellingCommand
{
    private static readonly TimeSpan StatusEvery = TimeSpan.FromSeconds(10);

    private readonly Option<string?> _config = new("--config", "-c")
    {
        HelpName = "FILE",
        Description = "Sessions to begin with, in YAML or JSON: model, device and other options of 'run' for all, and a list 'sessions' "
            + "with name, input, output, prompt, deadline and so on for each.",
        Required = true,
    };

    private readonly Option<double?> _duration = new("--duration")
    {
        HelpName = "SECONDS",
        Description = "Stop after so long. Default: never.",
    };

    private readonly Option<string> _logFormat = new("--log-format")
    {
        HelpName = "FORMAT",
        Description = "text, or json: one object a line, with the session that it is about. Default: text.",
        DefaultValueFactory = _ => "text",
    };

    public ServeCommand()
        : base("serve", "Run many live sessions on one copy of a model, each with its own input, outputs, prompt and deadline. Sessions "
            + "come and go by commands on standard input; 'help' lists them.")
    {
        Add(_config);
        Add(_duration);
        Add(_logFormat);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var (problems, notes) = (new List<string>(), new List<string>());
        var file = SessionsFile.Read(parse.GetValue(_config)!, problems, notes);
        if (parse.GetValue(_duration) is <= 0)
            problems.Add("duration must be above 0 seconds");
        var format = parse.GetValue(_logFormat);
        if (format is not ("text" or "json"))
            problems.Add($"log-format must be text or json, not {format}");
        if (problems.Count > 0)
            return Usage.Report(problems, "serve");
        IServeLog log = format == "json" ? new ServeJson() : new ServeText();
        foreach (var note in notes.Distinct())
            log.Say($"note: {note}");

        using var signals = new CancelOnSignal();
        using var timed = CancellationTokenSource.CreateLinkedTokenSource(signals.Token);
        using var restarts = new SessionRestarts(log);
        using var server = new SessionServer(file.Options, file.Host, restarts.Tell);
        restarts.Attach(server);
        foreach (var plan in file.Sessions)
            Start(server, plan, log, restarts);
        var desk = new ServeDesk(server, file.Options, parse.GetValue(_config)!, log, signals.Stop, restarts);
        // Reading cannot be interrupted: the thread ends with the program.
        new Thread(() => desk.Read(Console.In)) { Name = "streamdiff serve", IsBackground = true }.Start();
        if (parse.GetValue(_duration) is { } seconds)
            timed.CancelAfter(TimeSpan.FromSeconds(seconds));
        ServiceManager.Ready();
        using var alive = ServiceManager.KeepAlive();
        while (!timed.Token.WaitHandle.WaitOne(StatusEvery))
            log.Status(server);
        log.Status(server, isLast: true);
        return signals.Token.IsCancellationRequested ? signals.ExitCodeOr(ExitCode.Failed) : ExitCode.Ok;
    }

    // One that is refused is told of; the others go on.
    private static void Start(SessionServer server, SessionPlan plan, IServeLog log, SessionRestarts restarts)
    {
        restarts.Know(plan);
        try
        {
            server.Start(plan.Name, plan.Options, plan.Slo);
        }
        catch (Exception e) when (e is ModelException or ControlException or Transport.Media.MediaException)
        {
            log.Say(e.Message, isError: true);
        }
    }
}
