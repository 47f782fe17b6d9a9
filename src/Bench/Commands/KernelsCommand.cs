using System.CommandLine;
using StreamDiff.Bench.Kernels;
using StreamDiff.CommandLine;
using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench kernels</c>: where a tick's time on a GPU goes.</summary>
internal sealed class KernelsCommand : Command
{
    private readonly Option<string> _transformer = new("--transformer")
    {
        HelpName = "1.3b|14b",
        Description = "Sizes of the transformer. Default: 1.3b.",
        DefaultValueFactory = _ => "1.3b",
    };
    private readonly Option<int> _width = new("--width") { HelpName = "N", Description = "Default: 832.", DefaultValueFactory = _ => 832 };
    private readonly Option<int> _height = new("--height")
    {
        HelpName = "N",
        Description = "Default: 480.",
        DefaultValueFactory = _ => 480,
    };
    private readonly Option<int> _rows = new("--rows")
    {
        HelpName = "N",
        Description = "Rows of the tick: denoising steps of one stream, or more for several. Default: 2.",
        DefaultValueFactory = _ => 2,
    };
    private readonly Option<string> _precision = new("--precision")
    {
        HelpName = "auto|fp8",
        Description = "auto, or fp8 for products in float8. Default: auto.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly ReportOutput _output = new();

    public KernelsCommand()
        : base("kernels", "The parts of a tick on a CUDA device, each beside what the device allows.")
    {
        _transformer.AcceptOnlyFromAmong("1.3b", "14b");
        _precision.AcceptOnlyFromAmong("auto", "fp8");
        foreach (var option in (Option[])[_transformer, _width, _height, _rows, _precision])
            Add(option);
        _output.AddTo(this);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var (width, height, rows) = (parse.GetValue(_width), parse.GetValue(_height), parse.GetValue(_rows));
        if (width < 16 || height < 16 || width % 16 != 0 || height % 16 != 0)
            problems.Add("width and height must be multiples of 16");
        if (rows is < 1 or > 16)
            problems.Add($"rows must be from 1 to 16, not {rows}");
        if (problems.Count > 0)
            return Usage.Report(problems, "kernels");
        var report = KernelBenchmark.Run(
            new KernelBenchmarkOptions
            {
                Config = (parse.GetValue(_transformer) == "14b" ? WanConfig.Wan14B : WanConfig.Wan1B3) with
                {
                    Float8 = parse.GetValue(_precision) == "fp8",
                },
                Size = (width, height),
                Rows = rows,
            },
            Say.Line);
        _output.Write(parse, report, "time a block", "floor", "time a tick");
        return ExitCode.Ok;
    }
}
