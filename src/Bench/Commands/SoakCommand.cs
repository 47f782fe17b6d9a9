using System.CommandLine;
using StreamDiff.Bench.Reports;
using StreamDiff.Bench.Soak;
using StreamDiff.Bench.Statistics;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench soak</c>: is anything left behind by sessions that come and go?</summary>
internal sealed class SoakCommand : Command
{
    private readonly ModelOptions _model = new("ranks", "prompt", "noise-scale", "window", "sinks", "timeline", "contact-sheet");
    private readonly Option<double> _seconds = new("--seconds")
    {
        HelpName = "N",
        Description = "How long. Default: 60.",
        DefaultValueFactory = _ => 60,
    };
    private readonly Option<int> _sessions = new("--sessions")
    {
        HelpName = "N",
        Description = "Sessions at a time, at most. Default: 2.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<double> _rate = new("--rate")
    {
        HelpName = "FPS",
        Description = "Frames a second of each session. Default: 8.",
        DefaultValueFactory = _ => 8,
    };
    private readonly Option<string> _steps = new("--steps")
    {
        HelpName = "LIST",
        Description = "Denoising steps that a session may have. Default: 1,2,4.",
        DefaultValueFactory = _ => "1,2,4",
    };
    private readonly Option<string> _sizes = new("--sizes", "--size")
    {
        HelpName = "LIST",
        Description = "Sizes that a session may have. Default: 128x96,192x112.",
        DefaultValueFactory = _ => "128x96,192x112",
    };
    private readonly Option<int> _seed = new("--seed")
    {
        HelpName = "N",
        Description = "Seed of when sessions come and go. Default: 1.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<string?> _watch = new("--watch")
    {
        HelpName = "PIDS",
        Description = "Processes of this machine whose memory, descriptors and threads are watched too, such as ranks: 4711,4712.",
    };
    private readonly Option<string[]> _scenes = new("--scene")
    {
        HelpName = "FILE",
        Description = "In place of sessions that come and go: one stream of this scene and others, over and over, as fast as it can be "
            + "computed. Says whether its pictures stay as they were: drift, colours, contrast, detail, and how like the first ones they "
            + "are. --seconds is its length; may be given several times.",
        AllowMultipleArgumentsPerToken = false,
    };
    private readonly Option<int> _sceneSeconds = new("--scene-seconds")
    {
        HelpName = "N",
        Description = "Length of each scene. Default: 20.",
        DefaultValueFactory = _ => 20,
    };
    private readonly ReportOutput _output = new();

    public SoakCommand()
        : base("soak", "Let sessions come and go for long, change what steers them, and say whether memory, tensors, descriptors and "
            + "threads stay flat. Exit code 1 if they grow. Each sample is a line of JSON on the standard error. Example of the other "
            + "kind: streamdiff-bench soak --scene test:camera --scene test:scene --seconds 3600 --rate 16 --size 128x64 --steps 2")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_seconds, _sessions, _rate, _steps, _sizes, _seed, _watch, _scenes, _sceneSeconds])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var steps = ListText.Read("steps", parse.GetValue(_steps)!, OptionText.Whole, problems);
        var sizes = ListText.Read("sizes", parse.GetValue(_sizes)!, OptionText.Size, problems);
        var options = Cases.Read(_model, parse, steps, sizes, problems, out var allSizes);
        var watched = parse.GetValue(_watch) is { Length: > 0 } processes
            ? ListText.Read("watch", processes, OptionText.Whole, problems)
            : [];
        foreach (var gone in watched.Where(id => !Directory.Exists($"/proc/{id}")))
            problems.Add($"watch: there is no process {gone}");
        if (parse.GetValue(_seconds) is not (>= 1 and <= 1e6) || parse.GetValue(_sessions) is not (>= 1 and <= 1000)
            || parse.GetValue(_rate) is not (> 0 and <= 1000))
            problems.Add("seconds and sessions must be at least 1, rate above 0");
        if (problems.Count > 0)
            return Usage.Report(problems, "soak");

        using var signals = new CancelOnSignal();
        if (parse.GetValue(_scenes) is { Length: > 0 } scenes)
            return Scenes(parse, options, allSizes[0], scenes, signals);
        var report = SoakBenchmark.Run(new SoakBenchmarkOptions
        {
            Run = options,
            Steps = steps,
            Sizes = allSizes,
            Sessions = parse.GetValue(_sessions),
            Rate = parse.GetValue(_rate),
            Duration = TimeSpan.FromSeconds(parse.GetValue(_seconds)),
            Seed = parse.GetValue(_seed),
            Watched = watched,
        }, Say.Line, signals.Token);
        _output.Write(parse, report, "sessions", "changes of control", "frames given", "resident memory", "resident memory: slope per hour",
            "resident memory: growth watched", "managed heap: growth watched", "tensors: growth watched",
            "file descriptors: growth watched", "threads: growth watched");
        var samples = report.Cases[0].Series.Values.First().Count;
        if (samples < SoakFigures.Fewest)
        {
            Say.Note($"{samples} samples are too few to judge a trend: run for longer");
            return signals.ExitCodeOr(ExitCode.Ok);
        }
        var growing = Judged(report, TrendVerdict.Growing);
        var undecided = Judged(report, TrendVerdict.Undecided);
        Console.Out.WriteLine(growing.Count > 0
            ? $"growing: {string.Join(", ", growing)}"
            : undecided.Count > 0 ? $"undecided, run for longer: {string.Join(", ", undecided)}" : "flat");
        return signals.ExitCodeOr(growing.Count == 0 ? ExitCode.Ok : ExitCode.Failed);
    }

    private int Scenes(ParseResult parse, RestyleOptions options, (int Width, int Height) size, string[] scenes, CancelOnSignal signals)
    {
        var problems = new List<string>();
        var changes = options.Control.Timeline is { } file ? Timeline.Read(file, problems) : Timeline.Empty;
        var addresses = scenes.Select(MediaAddress.Parse).ToList();
        problems.AddRange(addresses.Where(a => a.IsLive).Select(a => $"scene {a.Shown} is live"));
        if (options.Compute.Ranks is not null)
            problems.Add("scenes are measured on one device");
        if (parse.GetValue(_sceneSeconds) is not (>= 1 and <= 3600) || parse.GetValue(_rate) % 1 != 0)
            problems.Add("scene-seconds must be from 1 to 3600, rate a whole number");
        if (problems.Count > 0)
            return Usage.Report(problems, "soak");
        var report = ScenesBenchmark.Run(new ScenesBenchmarkOptions
        {
            Run = options with
            {
                Sampling = options.Sampling with { Seed = parse.GetValue(_seed) },
                Frame = options.Frame with { Size = size },
            },
            Size = size,
            Scenes = addresses,
            SceneSeconds = parse.GetValue(_sceneSeconds),
            Rate = (int)parse.GetValue(_rate),
            Duration = TimeSpan.FromSeconds(parse.GetValue(_seconds)),
            Changes = changes,
            Sheet = options.Output.ContactSheet,
        }, Say.Line, signals.Token);
        _output.Write(parse, report, "drift", "drift, most", "red", "green", "blue", "contrast", "detail", "PSNR to the first round",
            "refreshes", "resident memory");
        return signals.ExitCodeOr(ExitCode.Ok);
    }

    private static List<string> Judged(BenchmarkReport report, TrendVerdict verdict) =>
        [.. report.Cases[0].Figures.Where(f => f.Name.EndsWith(SoakFigures.Verdict, StringComparison.Ordinal) && f.Value == (int)verdict)
            .Select(f => f.Name[..^SoakFigures.Verdict.Length])];
}
