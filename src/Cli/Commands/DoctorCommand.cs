using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using StreamDiff.Cli.Doctor;
using StreamDiff.CommandLine;
using StreamDiff.Models.Registry;

namespace StreamDiff.Cli.Commands;

/// <summary><c>streamdiff doctor</c>: what is installed, and what to do about what is not.</summary>
internal sealed class DoctorCommand : Command
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) },
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print the findings as JSON." };

    public DoctorCommand()
        : base(
            "doctor", "Show what is installed and what to do about what is not. Exit code 1 if something is missing that every run needs.")
    {
        Add(_json);
        SetAction(parse => Run(parse.GetValue(_json)));
    }

    private static int Run(bool json)
    {
        List<DoctorLine> lines = [.. ComputeChecks.Run(), .. MediaChecks.Run(), .. ModelChecks.Run(new ModelCatalog())];
        if (json)
            Console.Out.WriteLine(JsonSerializer.Serialize(lines, Format));
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
