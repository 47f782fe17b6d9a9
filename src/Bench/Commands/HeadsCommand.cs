using System.CommandLine;
using StreamDiff.Bench.Heads;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench heads</c>: what a split of attention heads saves and costs.</summary>
internal sealed class HeadsCommand : Command
{
    private readonly ModelOptions _model = new("steps", "size", "noise-scale", "window", "sinks");
    private readonly Option<string?> _input = new("--input", "-i")
    {
        HelpName = "FILE",
        Description = "Frames to use, over and over. Default: drawn ones that move.",
    };
    private readonly Option<int> _chunks = new("--chunks")
    {
        HelpName = "N",
        Description = "Chunks of four frames. Default: 100.",
        DefaultValueFactory = _ => 100,
    };
    private readonly ReportOutput _output = new();

    public HeadsCommand()
        : base("heads", "What a split of attention heads ('streamdiff heads') saves in time and memory and costs in quality, in a window "
            + "and in one three times as long. Example: streamdiff-bench heads --heads on")
    {
        _model.AddTo(this);
        Add(_input);
        Add(_chunks);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        if (options.Compute.Heads == ComputeOptions.AllHeads)
            problems.Add("heads must name a split: a file of 'streamdiff heads', or on");
        if (options.Compute.Ranks is not null)
            problems.Add("heads are measured on one device");
        if (parse.GetValue(_chunks) < 1)
            problems.Add("chunks must be at least 1");
        var input = parse.GetValue(_input) is { } text ? MediaAddress.Parse(text) : null;
        if (input is { IsLive: true })
            problems.Add($"input {input.Shown} is live");
        if (problems.Count > 0)
            return Usage.Report(problems, "heads");
        var report = HeadsBenchmark.Run(options, input, parse.GetValue(_chunks), Say.Line);
        _output.Write(parse, report, "tick", "of the first", "processor time", "processor time of the first", "cache",
            "error of latents", "error at the end", "PSNR", "PSNR at the end", "colour off", "colour off at the end", "colour moved");
        return ExitCode.Ok;
    }
}
