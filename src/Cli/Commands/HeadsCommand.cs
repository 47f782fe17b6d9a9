using System.CommandLine;
using System.Globalization;
using StreamDiff.CommandLine;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff heads</c>: which attention heads need the whole window.</summary>
internal sealed class HeadsCommand : Command
{
    private readonly ModelOptions _model = new("steps", "size", "noise-scale", "seed", "window", "sinks");
    private readonly Option<string[]> _inputs = new("--input", "-i")
    {
        HelpName = "FILE",
        Description = "A video to measure with, or test pictures such as test:scene. Several times: all of them. Default: test:scene and "
            + "test:mandelbrot.",
    };
    private readonly Option<string[]> _prompts = new("--prompt", "-p")
    {
        HelpName = "TEXT",
        Description = "A prompt to measure with. Several times: every input with each. Default: none, the picture alone.",
    };
    private readonly Option<double> _keep = new("--keep")
    {
        HelpName = "X",
        Description = "Share of heads that keep the whole window, 0 to 1: those that lose most without it. Default: 0.5.",
        DefaultValueFactory = _ => 0.5,
    };
    private readonly Option<int> _first = new("--streaming-sinks")
    {
        HelpName = "N",
        Description = "Latent frames at the window's start that the other heads see. Default: 1.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<int> _recent = new("--streaming-recent")
    {
        HelpName = "N",
        Description = "Newest latent frames that they see, the one being made included. Default: 1.",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<int> _ticks = new("--ticks")
    {
        HelpName = "N",
        Description = "Ticks to measure of each input and prompt, each run once more for every head. Default: 4.",
        DefaultValueFactory = _ => 4,
    };
    private readonly Option<string> _output = new("--output", "-o")
    {
        HelpName = "FILE",
        Description = $"Where the split goes; '{HeadFile.Name}' in the model's folder is what '--heads on' takes. Required.",
        Required = true,
    };

    public HeadsCommand()
        : base("heads", "Find which attention heads need the whole window and which do with its first and newest frames, and write the "
            + "split for '--heads' (docs/heads.md). Example: streamdiff heads --window 18 -i clip.mp4 -o heads.json")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_inputs, _prompts, _keep, _first, _recent, _ticks, _output])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        var calibration = new HeadCalibrationOptions
        {
            Inputs = [.. (parse.GetValue(_inputs) is { Length: > 0 } inputs ? inputs : ["test:scene", "test:mandelbrot"])
                .Select(MediaAddress.Parse)],
            Prompts = parse.GetValue(_prompts) is { Length: > 0 } prompts ? prompts : [""],
            Keep = parse.GetValue(_keep),
            SinkFrames = parse.GetValue(_first),
            RecentFrames = parse.GetValue(_recent),
            Ticks = parse.GetValue(_ticks),
        };
        var output = parse.GetRequiredValue(_output);
        if (calibration.Keep is not (>= 0 and <= 1))
            problems.Add("keep must be from 0 to 1");
        if (calibration.SinkFrames < 0 || calibration.RecentFrames < 1 || calibration.Ticks < 1)
            problems.Add("streaming-sinks must be at least 0, streaming-recent and ticks at least 1");
        foreach (var input in calibration.Inputs.Where(i => i.IsLive))
            problems.Add($"input {input.Shown} is live: heads are measured with files or test pictures");
        problems.AddRange(FileRules.Problems(
        [
            .. CommandFiles.OfModel(options.Compute.Model),
            .. FileUse.Reads([.. calibration.Inputs.Where(i => i.Kind == MediaKind.File).Select(i => ("input", (string?)i.Text))]),
            .. FileUse.Writes(("output", output)),
        ]));
        if (problems.Count > 0)
            return Usage.Report(problems, "heads");

        using var signals = new CancelOnSignal();
        HeadFile heads;
        try
        {
            heads = HeadCalibration.Measure(options, calibration, Say.Line, signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return signals.ExitCodeOr(ExitCode.Failed);
        }
        var model = new ModelCatalog().Find(options.Compute.Model);
        WholeFile.Write(output, heads.TextFor(model));
        Console.Out.Write(Table(heads));
        var window = options.Sampling.WithDefaultsOf(model.Config).WindowFrames!.Value;
        var share = heads.Split.ShareHeld(model.Config.Dit.NumHeads, window);
        Say.Line(string.Create(CultureInfo.InvariantCulture,
            $"{output}: {heads.Split}; a window of {window} holds {100 * share:0} % of what it did"));
        return ExitCode.Ok;
    }

    private static string Table(HeadFile heads) => TextTable.Of(
    [
        ["block", .. heads.Scores[0].Select((_, head) => $"head {head}")],
        .. heads.Scores.Select((scores, block) => (string[])
        [
            block.ToString(CultureInfo.InvariantCulture),
            .. scores.Select((score, head) => string.Create(CultureInfo.InvariantCulture,
                $"{100 * score:0.00} %{(heads.Split.Retrieval[block].Contains(head) ? " *" : "")}")),
        ]),
    ]);
}
