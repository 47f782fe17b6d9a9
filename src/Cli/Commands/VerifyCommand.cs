using System.CommandLine;
using System.Globalization;
using StreamDiff.CommandLine;
using StreamDiff.Models;
using StreamDiff.Models.Native;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Pipeline.Verification;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff verify</c>: replay golden cases.</summary>
internal sealed class VerifyCommand : Command
{
    private readonly Argument<string> _folder = new("DIR")
    {
        Description = "Folder with cases at or below it; a case is a folder with case.json.",
    };
    private readonly Option<string> _device = new("--device")
    {
        HelpName = "DEVICE",
        Description = "cpu, cuda or cuda:N.",
        DefaultValueFactory = _ => "cpu",
    };
    private readonly Option<string> _type = new("--dtype")
    {
        HelpName = "TYPE",
        Description = "float32, or bfloat16 at a coarse tolerance.",
        DefaultValueFactory = _ => "float32",
    };

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
        Add(_device);
        Add(_type);
        Add(_ranks);
        SetAction(parse => Run(parse.GetRequiredValue(_folder), parse.GetValue(_device)!, parse.GetValue(_type)!, parse.GetValue(_ranks)!));
    }

    private static int Run(string folder, string device, string type, string ranks)
    {
        if (Problems(folder, device, type, ranks) is { Count: > 0 } problems)
            return Usage.Report(problems, "verify");
        LibTorch.Load();
        var target = ComputeTarget.Resolve(device, type);
        var devices = RankDevices(ranks, device)!.Select(d => ComputeTarget.Resolve(d, type).Device).ToList();
        var results = GoldenVerifier.Run(folder, target.Device, target.Type, r => Console.Out.WriteLine(Line(r)), devices);
        var failed = results.Count(r => !r.Passed);
        Console.Out.WriteLine($"{results.Count - failed} of {results.Count} cases pass");
        return failed == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    private static List<string> Problems(string folder, string device, string type, string ranks)
    {
        var problems = new List<string>();
        if (!Directory.Exists(folder))
            problems.Add($"{folder} is not a folder");
        var number = device.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _);
        if (device is not ("cpu" or "cuda") && !number)
            problems.Add($"device must be cpu, cuda or cuda:N, not {device}");
        if (type is not ("float32" or "bfloat16"))
            problems.Add($"dtype must be float32 or bfloat16, not {type}");
        if (RankDevices(ranks, device) is null)
            problems.Add($"ranks must be a number from 1 to 64, or devices of this machine such as cuda:0,cuda:1, not {ranks}");
        return problems;
    }

    private static IReadOnlyList<string>? RankDevices(string ranks, string device)
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
