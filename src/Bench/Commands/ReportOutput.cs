using System.CommandLine;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Plots;
using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Calibration;

namespace StreamDiff.Bench.Commands;

/// <summary>Where a benchmark's report goes: a table, JSON, plots.</summary>
internal sealed class ReportOutput
{
    private readonly Option<string?> _json = new("--json") { HelpName = "FILE", Description = "Write all figures, hardware, versions and settings as JSON, for 'streamdiff-bench compare'." };
    private readonly Option<string?> _plots = new("--plots") { HelpName = "FOLDER", Description = "Draw PNG plots into a folder." };

    public void AddTo(Command command)
    {
        command.Add(_json);
        command.Add(_plots);
    }

    /// <param name="parse">The command line.</param>
    /// <param name="report">The report.</param>
    /// <param name="columns">Figures to print; those that no case has are left out.</param>
    public void Write(ParseResult parse, BenchmarkReport report, params string[] columns)
    {
        // Long measurements first: what is drawn can be drawn again.
        if (parse.GetValue(_json) is { } file)
        {
            if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder)
                Directory.CreateDirectory(folder);
            File.WriteAllText(file, report.ToJson());
        }
        Console.Out.Write(ReportTable.Of(report, columns));
        foreach (var (key, value) in report.Settings.Concat(report.Hardware))
            Console.Out.WriteLine($"{key}: {value}");
        if (report.Conditions.GetValueOrDefault(HostConditions.Others) is { } others && double.TryParse(others, CultureInfo.InvariantCulture, out var processors) && processors > ProcessorUse.Disturbing)
            Say.Note($"other programs kept {others} processors busy meanwhile: these figures are disturbed");
        if (parse.GetValue(_plots) is { } plots)
            foreach (var picture in ReportPlots.Write(report, plots))
                Say.Line($"drawn: {picture}");
    }
}
