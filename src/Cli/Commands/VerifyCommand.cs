using System.CommandLine;
using System.Globalization;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Verification;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff verify</c>: replay golden cases.</summary>
internal sealed class VerifyCommand : Command
{
    private readonly Argument<string> _folder = new("DIR")
    {
        Description = "Folder with cases at or below it; a case is a folder with case.json.",
    };
    private readonly TableOptions _options;
    private readonly Option<string> _ranks = new("--ranks")
    {
        HelpName = "LIST",
        Description = "Spread the transformer over ranks where a case denoises: a number of threads on the same device, or their devices, "
            + "such as cuda:0,cuda:1.",
        DefaultValueFactory = _ => "1",
    };

    public VerifyCommand()
        : base("verify", "Compare every part with recorded results of the published system: one line a case, exit code 1 if one fails.")
    {
        Add(_folder);
        _options = new TableOptions(this, ["device", "dtype"],
            ("device", "auto, cpu, cuda or cuda:N. Default: cpu."),
            ("dtype", "float32, or bfloat16 at a coarse tolerance. Default: float32."));
        Add(_ranks);
        SetAction(Run);
    }

    private int Run(ParseResult parse)
    {
        var (folder, given) = (parse.GetRequiredValue(_folder), new GivenOptions(OptionUse.Run));
        if (!Directory.Exists(folder))
            given.Add(new OptionProblem($"{folder} is not a folder"));
        _options.Give(parse, given);
        var options = given.Read(new ComputeOptions { Device = DeviceName.Cpu, Type = ComputeType.Float32 });
        var ranks = parse.GetValue(_ranks)!;
        var names = RankDevices(ranks, options.Device);
        if (names is null)
            given.Add(new OptionProblem(
                $"ranks must be a number from 1 to 64, or devices of this machine such as cuda:0,cuda:1, not {ranks}"));
        if (given.Problems.Count > 0)
            return Usage.Report(given.Problems.Select(p => p.Text), "verify");
        LibTorch.Load();
        var target = ComputeTarget.Resolve(options.Device, options.Type);
        var devices = names!.Select(d => ComputeTarget.Resolve(d, options.Type).Device).ToList();
        var results = GoldenVerifier.Run(folder, target.Device, target.Type, r => Console.Out.WriteLine(Line(r)), devices);
        var failed = results.Count(r => !r.Passed);
        Console.Out.WriteLine($"{results.Count - failed} of {results.Count} cases pass");
        return failed == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    private static ValueList<DeviceName>? RankDevices(string ranks, DeviceName device)
    {
        if (int.TryParse(ranks, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var count))
            return count is >= 1 and <= 64 ? [.. Enumerable.Repeat(device, count)] : null;
        try
        {
            return RankList.Parse(ranks) is { Remote.Count: 0 } list ? list.Devices : null;
        }
        catch (ModelException)
        {
            return null;
        }
    }

    private static string Line(CaseResult r) => string.Create(CultureInfo.InvariantCulture,
        $"{(r.Passed ? "pass" : "FAIL")}  {r.Kind,-16} abs {r.MaxAbsoluteError,9:0.0e+00}  rel {r.MaxRelativeError,9:0.0e+00}  "
            + $"{r.Folder}{(r.Detail is null ? "" : $"  ({r.Detail})")}");
}
