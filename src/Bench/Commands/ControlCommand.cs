using System.CommandLine;
using StreamDiff.Bench.Control;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench control</c>: how soon a change of the prompt is seen.</summary>
internal sealed class ControlCommand : Command
{
    private readonly ModelOptions _model = new("size");
    private readonly Option<string> _steps = new("--steps")
    {
        HelpName = "LIST",
        Description = "Denoising steps, a case each. Default: 1,2,4.",
        DefaultValueFactory = _ => "1,2,4",
    };
    private readonly Option<double> _rate = new("--rate")
    {
        HelpName = "FPS",
        Description = "Frames a second. Default: 8.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<int> _changes = new("--changes")
    {
        HelpName = "N",
        Description = "Changes of the prompt in each case. Default: 10.",
        DefaultValueFactory = _ => 10,
    };
    private readonly Option<double> _between = new("--between")
    {
        HelpName = "N",
        Description = "Seconds between two changes. Default: 2.",
        DefaultValueFactory = _ => 2,
    };
    private readonly ReportOutput _output = new();

    public ControlCommand()
        : base("control", "Measure frames and time from a change of the prompt to the first frame that is fully changed, while frames "
            + "arrive by the clock.")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_steps, _rate, _changes, _between])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        var steps = ListText.Read("steps", parse.GetValue(_steps)!, OptionText.Whole, problems);
        if (steps.Any(s => s is < 1 or > 4))
            problems.Add("steps must be from 1 to 4");
        if (!(parse.GetValue(_rate) is > 0 and <= 1000) || !(parse.GetValue(_between) is >= 0.1 and <= 600)
            || parse.GetValue(_changes) is < 1 or > 10_000)
            problems.Add("rate must be above 0 and at most 1000, between from 0.1 to 600 seconds, changes from 1 to 10000");
        if (problems.Count > 0)
            return Usage.Report(problems, "control");

        using var signals = new CancelOnSignal();
        var report = ControlBenchmark.Run(new ControlBenchmarkOptions
        {
            Run = options,
            Steps = steps,
            Rate = parse.GetValue(_rate),
            Changes = parse.GetValue(_changes),
            Between = TimeSpan.FromSeconds(parse.GetValue(_between)),
        }, Say.Line, signals.Token);
        _output.Write(
            parse, report, "frames of the old prompt shown after the command", "frames taken between command and first changed frame",
            "command to first changed frame", "frames offered", "frames missing",
            "frames out of order");
        return ExitCode.Ok;
    }
}
