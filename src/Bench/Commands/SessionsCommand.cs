using System.CommandLine;
using System.Text.Json;
using StreamDiff.Bench.Sessions;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench sessions</c>: many sessions in one process against one at a time and against many processes.</summary>
internal sealed class SessionsCommand : Command
{
    private readonly ModelOptions _model = new("size", "steps");
    private readonly Option<string> _counts = new("--counts")
    {
        HelpName = "LIST",
        Description = "Sessions at a time. Default: 1,2,4,8.",
        DefaultValueFactory = _ => "1,2,4,8",
    };
    private readonly Option<double> _rate = new("--rate")
    {
        HelpName = "FPS",
        Description = "Frames a second of all sessions together under open-loop load. Default: 8.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<double> _seconds = new("--seconds")
    {
        HelpName = "N",
        Description = "How long each count is measured, in each way. Default: 8.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<double> _warmUp = new("--warm-up")
    {
        HelpName = "N",
        Description = "Seconds before that are left out. Default: 2.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<double> _deadline = new("--deadline")
    {
        HelpName = "MS",
        Description = "Milliseconds from capture to hand-over. Default: 500.",
        DefaultValueFactory = _ => 500,
    };
    private readonly Option<int> _repeats = new("--repeats")
    {
        HelpName = "N",
        Description = "Times that everything is measured, in turns; figures are medians. Default: 3.",
        DefaultValueFactory = _ => 3,
    };
    private readonly Option<bool> _noProcesses = new("--no-processes") { Description = "Leave out as many processes of one session each." };
    private readonly ReportOutput _output = new();

    public SessionsCommand()
        : base("sessions", "Throughput, latency and memory of sessions that share a process, against one at a time and against processes "
            + "of their own.")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_counts, _rate, _seconds, _warmUp, _deadline, _repeats, _noProcesses])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var run = _model.Read(parse, problems);
        var counts = ListText.Read("counts", parse.GetValue(_counts)!, OptionText.Whole, problems);
        if (counts.Any(c => c is < 1 or > 64))
            problems.Add("counts must be from 1 to 64");
        if (!(parse.GetValue(_seconds) > 0) || !(parse.GetValue(_warmUp) >= 0) || !(parse.GetValue(_rate) > 0)
            || !(parse.GetValue(_deadline) > 0) || parse.GetValue(_repeats) < 1)
            problems.Add("seconds, rate and deadline must be above 0, warm-up not negative, repeats at least 1");
        if (problems.Count > 0)
            return Usage.Report(problems, "sessions");

        using var signals = new CancelOnSignal();
        var options = new SessionScalingOptions
        {
            Run = run,
            Counts = counts,
            TotalRate = parse.GetValue(_rate),
            Duration = TimeSpan.FromSeconds(parse.GetValue(_seconds)),
            WarmUp = TimeSpan.FromSeconds(parse.GetValue(_warmUp)),
            Deadline = TimeSpan.FromMilliseconds(parse.GetValue(_deadline)),
            Repeats = parse.GetValue(_repeats),
            Processes = parse.GetValue(_noProcesses) ? null : Processes,
        };
        if (SelfProcess.ResultFile is { } file)
        {
            File.WriteAllText(file, JsonSerializer.Serialize(SessionScalingBenchmark.Alone(options, SelfProcess.Ready, signals.Token)));
            return ExitCode.Ok;
        }
        _output.Write(parse, SessionScalingBenchmark.Run(options, Say.Line, signals.Token), "fps together", "fps of the slowest",
            "fps of processes", "resident memory", "memory of processes", "latency p50", "latency p95", "missed", "rows per tick");
        return ExitCode.Ok;
    }

    // All load first and then begin together: loading is not what is measured.
    private static ClosedLoopResult Processes(int count)
    {
        var processes = new List<SelfProcess>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                processes.Add(new SelfProcess());
                processes[i].WaitReady();
            }
            processes.ForEach(p => p.Begin());
            var results = processes.Select(p => JsonSerializer.Deserialize<ClosedLoopResult>(p.Result())!).ToList();
            return new ClosedLoopResult(
                results.Sum(r => r.FramesPerSecond), results.Sum(r => r.ResidentBytes), results.Min(r => r.Slowest),
                new Dictionary<int, IReadOnlyList<double>>());
        }
        finally
        {
            processes.ForEach(p => p.Dispose());
        }
    }
}
