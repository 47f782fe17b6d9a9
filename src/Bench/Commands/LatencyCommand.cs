using System.CommandLine;
using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Load;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench latency</c>: frames come by the clock, whether or not the machine keeps up.</summary>
internal sealed class LatencyCommand : Command
{
    private readonly ModelOptions _model = new();
    private readonly Option<string> _steps = new("--steps")
    {
        HelpName = "LIST",
        Description = "Denoising steps to measure, such as 1,2,3,4. Default: 2.",
        DefaultValueFactory = _ => "2",
    };
    private readonly Option<string?> _sizes = new("--sizes", "--size")
    {
        HelpName = "LIST",
        Description = "Picture sizes, such as 320x192,256x160. Default: the model's own.",
    };
    private readonly Option<string> _rates = new("--rates")
    {
        HelpName = "LIST",
        Description = "Frames a second. Default: 16.",
        DefaultValueFactory = _ => "16",
    };
    private readonly Option<string> _loads = new("--loads")
    {
        HelpName = "LIST",
        Description = "How frames arrive: steady, bursty, ramp, stalls, cpu (steady, with other work on all processors for half of the "
            + "time). Default: steady.",
        DefaultValueFactory = _ => "steady",
    };
    private readonly Option<double> _seconds = new("--seconds")
    {
        HelpName = "N",
        Description = "How long frames arrive in each case. Default: 10.",
        DefaultValueFactory = _ => 10,
    };
    private readonly Option<double> _warmUp = new("--warm-up")
    {
        HelpName = "N",
        Description = "Seconds at the beginning that are left out, but for the first frame. Default: 2.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<double> _deadline = new("--deadline")
    {
        HelpName = "MS",
        Description = "Milliseconds from arrival to hand-over after which a frame is late. Default: 500.",
        DefaultValueFactory = _ => 500,
    };
    private readonly Option<int> _repeats = new("--repeats")
    {
        HelpName = "N",
        Description = "Times that every case is run, in turns with the others; figures are medians. Default: 3.",
        DefaultValueFactory = _ => 3,
    };
    private readonly Option<int> _seed = new("--seed")
    {
        HelpName = "N",
        Description = "Seed of bursts and stalls. Default: 1.",
        DefaultValueFactory = _ => 1,
    };
    private readonly ReportOutput _output = new();

    public LatencyCommand()
        : base("latency", "Latency, jitter, misses and first frame of live streams under open-loop load: frames arrive whether or not the "
            + "machine keeps up.")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_steps, _sizes, _rates, _loads, _seconds, _warmUp, _deadline, _repeats, _seed])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var steps = ListText.Read("steps", parse.GetValue(_steps)!, OptionText.Whole, problems);
        var sizes = parse.GetValue(_sizes) is { } text ? ListText.Read("sizes", text, OptionText.Size, problems) : [];
        var rates = ListText.Read("rates", parse.GetValue(_rates)!, OptionText.Number, problems);
        var loads = ListText.Read("loads", parse.GetValue(_loads)!, ListText.Word<LoadKind>, problems);
        var options = Cases.Read(_model, parse, steps, sizes, problems, out var allSizes);
        var (seconds, warmUp) = (parse.GetValue(_seconds), parse.GetValue(_warmUp));
        if (rates.Any(r => r is not (> 0 and <= 1000)))
            problems.Add("rates must be above 0 and at most 1000");
        if (!(warmUp >= 0 && seconds > warmUp && seconds <= 86400))
            problems.Add("seconds must be more than warm-up, which must not be negative, and at most a day");
        if (parse.GetValue(_repeats) < 1 || parse.GetValue(_deadline) is not (> 0 and <= 86_400_000))
            problems.Add("repeats must be at least 1, deadline above 0 and at most a day");
        if (problems.Count > 0)
            return Usage.Report(problems, "latency");

        using var signals = new CancelOnSignal();
        var report = LatencyBenchmark.Run(new LatencyBenchmarkOptions
        {
            Run = options,
            Steps = steps,
            Sizes = allSizes,
            Rates = rates,
            Loads = loads,
            Duration = TimeSpan.FromSeconds(seconds),
            WarmUp = TimeSpan.FromSeconds(warmUp),
            Deadline = TimeSpan.FromMilliseconds(parse.GetValue(_deadline)),
            Repeats = parse.GetValue(_repeats),
            Seed = parse.GetValue(_seed),
        }, Say.Line, signals.Token);
        _output.Write(
            parse, report, "first frame, warm", "latency p50", "latency p95", "latency p99", "latency max", "jitter", "missed", "fps");
        return ExitCode.Ok;
    }
}
