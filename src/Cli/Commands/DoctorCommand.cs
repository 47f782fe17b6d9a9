using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamDiff.Cli.Doctor;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff doctor</c>: what is installed, and what to do about what is not.</summary>
internal sealed class DoctorCommand : Command
{
    private const double UsualSeconds = 10;
    private const double MostSeconds = 600;

    private readonly Option<bool> _json = new("--json") { Description = "Print the findings as JSON." };

    private readonly Option<double?> _measure = new("--measure")
    {
        HelpName = "SECONDS",
        Arity = ArgumentArity.ZeroOrOne,
        Description = "Also measure for some seconds which frame rate to expect of each model and size. Default: not; without a value: 10.",
        DefaultValueFactory = _ => null,
        CustomParser = result => result.Tokens is [var text]
            ? double.TryParse(text.Value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds)
                ? seconds
                : double.NaN
            : UsualSeconds,
    };
    private readonly Option<string?> _model = new("--model", "-m")
    {
        HelpName = "NAME",
        Description = "With --measure: this model only. Default: all.",
    };
    private readonly Option<string> _device = new("--device")
    {
        HelpName = "DEVICE",
        Description = "With --measure: auto, cpu, cuda or cuda:N. Default: auto, cuda where there is one.",
        DefaultValueFactory = _ => "auto",
    };

    public DoctorCommand()
        : base(
            "doctor", "Show what is installed and what to do about what is not. Exit code 1 if something is missing that every run needs.")
    {
        foreach (var option in (Option[])[_json, _measure, _model, _device])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var (seconds, name, catalog) = (parse.GetValue(_measure), parse.GetValue(_model), new ModelCatalog());
        var problems = new List<string>();
        if (seconds is not null and not (> 0 and <= MostSeconds))
            problems.Add($"measure must be a number of seconds up to {MostSeconds}");
        var device = DeviceName.Find(parse.GetRequiredValue(_device));
        if (device is null)
            problems.Add($"device must be auto, cpu, cuda or cuda:N, not {parse.GetValue(_device)}");
        if (seconds is null && (name is not null || device is not null && device != DeviceName.Auto))
            problems.Add("--model and --device say what is measured: give --measure too");
        if (problems.Count > 0)
            return Usage.Report(problems, "doctor");

        List<DoctorLine> lines = [.. ComputeChecks.Run(), .. MediaChecks.Run(), .. ModelChecks.Run(catalog)];
        if (seconds is { } time)
        {
            using var signals = new CancelOnSignal();
            IReadOnlyList<string> names = name is null ? catalog.Names : [catalog.Find(name).Folder];
            lines.AddRange(FrameRateChecks.Run(catalog, names, device!, TimeSpan.FromSeconds(time), signals.Token));
        }
        if (parse.GetValue(_json))
            Console.Out.WriteLine(JsonSerializer.Serialize(lines, DoctorLine.Format));
        else
            Print(lines);
        return lines.Any(l => l.State == DoctorState.Missing) ? ExitCode.Failed : ExitCode.Ok;
    }

    private static void Print(List<DoctorLine> lines)
    {
        var width = lines.Max(l => l.Name.Length);
        foreach (var area in lines.GroupBy(l => l.Area))
        {
            Console.Out.WriteLine(area.Key);
            foreach (var line in area)
                Console.Out.WriteLine(
                    $"  {Word(line.State),-7}  {line.Name.PadRight(width)}  "
                        + $"{line.Found}{(line.Remedy.Length == 0 ? "" : $"; {line.Remedy}")}");
        }
        var missing = lines.Count(l => l.State == DoctorState.Missing);
        Console.Out.WriteLine(
            missing == 0
                ? "everything that 'streamdiff run --model tiny' needs is there"
                : "missing and needed by every run: "
                    + string.Join(", ", lines.Where(l => l.State == DoctorState.Missing).Select(l => l.Name)));
    }

    private static string Word(DoctorState state) => state switch
    {
        DoctorState.Ok => "ok",
        DoctorState.Absent => "-",
        _ => "MISSING",
    };
}
