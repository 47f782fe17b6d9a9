using System.CommandLine;
using StreamDiff.Bench.Precision;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench precision</c>: what bfloat16 and float8 cost in quality.</summary>
internal sealed class PrecisionCommand : Command
{
    private readonly ModelOptions _model = new("steps", "size");
    private readonly Option<int> _chunks = new("--chunks")
    {
        HelpName = "N",
        Description = "Chunks of four frames. Default: 40.",
        DefaultValueFactory = _ => 40,
    };
    private readonly ReportOutput _output = new();

    public PrecisionCommand()
        : base("precision", "How far bfloat16 is from float32 and float8 from bfloat16, in latents and frames, with the same input.")
    {
        _model.AddTo(this);
        Add(_chunks);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        if (parse.GetValue(_chunks) < 1)
            problems.Add("chunks must be at least 1");
        if (problems.Count > 0)
            return Usage.Report(problems, "precision");
        var report = PrecisionBenchmark.Run(options, parse.GetValue(_chunks), Say.Line);
        _output.Write(parse, report, "error of latents", "error of latents, worst", "error of latents, last quarter", "PSNR of frames",
            "PSNR of frames, worst");
        return ExitCode.Ok;
    }
}
