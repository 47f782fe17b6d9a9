using System.CommandLine;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary>
/// <c>streamdiff-bench first-frame</c>: every repetition is a process of its own, since only the first stream of a process is cold.
/// </summary>
internal sealed class FirstFrameCommand : Command
{
    private readonly ModelOptions _model = new("steps", "size");
    private readonly Option<int> _repeats = new("--repeats")
    {
        HelpName = "N",
        Description = "Processes to start, one after the other; figures are medians. Default: 3.",
        DefaultValueFactory = _ => 3,
    };
    private readonly ReportOutput _output = new();

    public FirstFrameCommand()
        : base("first-frame", "Start-up and first frame of a cold process, with each part's share. Warm ones are in 'streamdiff-bench "
            + "latency'.")
    {
        _model.AddTo(this);
        Add(_repeats);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        if (parse.GetValue(_repeats) < 1)
            problems.Add("repeats must be at least 1");
        if (problems.Count > 0)
            return Usage.Report(problems, "first-frame");
        if (SelfProcess.ResultFile is { } file)
        {
            File.WriteAllText(file, ColdReport.Of(options, [ColdStart.Measure(options)], ProcessState.Now()).ToJson());
            return ExitCode.Ok;
        }

        using var signals = new CancelOnSignal();
        var before = ProcessState.Now();
        var runs = new List<IReadOnlyList<Figure>>();
        for (var i = 0; i < parse.GetValue(_repeats); i++)
        {
            signals.Token.ThrowIfCancellationRequested();
            Say.Line($"{i + 1}/{parse.GetValue(_repeats)}: a new process");
            using var process = new SelfProcess();
            runs.Add(BenchmarkReport.Parse(process.Result(), "the measured process").Cases[0].Figures);
        }
        _output.Write(parse, ColdReport.Of(options, runs, before), ColdStart.StartUp, ColdStart.FirstFrame);
        return ExitCode.Ok;
    }
}
