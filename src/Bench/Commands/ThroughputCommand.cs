using System.CommandLine;
using StreamDiff.Bench.Throughput;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench throughput</c>: the next frame is always there.</summary>
internal sealed class ThroughputCommand : Command
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
    private readonly Option<bool> _noVae = new("--no-vae") { Description = "Leave the VAE out: the transformer alone, on random latents." };
    private readonly Option<int> _chunks = new("--chunks")
    {
        HelpName = "N",
        Description = "Chunks of four frames to measure in each case after warm-up. Default: 40.",
        DefaultValueFactory = _ => 40,
    };
    private readonly Option<int> _repeats = new("--repeats")
    {
        HelpName = "N",
        Description = "Times that every case is run, in turns with the others; figures are medians. Default: 3.",
        DefaultValueFactory = _ => 3,
    };
    private readonly ReportOutput _output = new();

    public ThroughputCommand()
        : base("throughput", "Frames a second when the next frame is always there, the VAE in unless left out, without media.")
    {
        _model.AddTo(this);
        foreach (var option in (Option[])[_steps, _sizes, _noVae, _chunks, _repeats])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var steps = ListText.Read("steps", parse.GetValue(_steps)!, OptionText.Whole, problems);
        var sizes = parse.GetValue(_sizes) is { } text ? ListText.Read("sizes", text, OptionText.Size, problems) : [];
        var options = Cases.Read(_model, parse, steps, sizes, problems, out var allSizes);
        if (parse.GetValue(_chunks) < 1 || parse.GetValue(_repeats) < 1)
            problems.Add("chunks and repeats must be at least 1");
        if (problems.Count > 0)
            return Usage.Report(problems, "throughput");

        using var signals = new CancelOnSignal();
        var report = ThroughputBenchmark.Run(
            new ThroughputBenchmarkOptions
            {
                Run = options,
                Steps = steps,
                Sizes = allSizes,
                Vae = !parse.GetValue(_noVae),
                Chunks = parse.GetValue(_chunks),
                Repeats = parse.GetValue(_repeats),
            },
            Say.Line, signals.Token);
        _output.Write(parse, report, "fps", "chunk: VAE encode", "chunk: denoise", "chunk: VAE decode", "processors used",
            "allocated per frame", "resident memory");
        return ExitCode.Ok;
    }
}
