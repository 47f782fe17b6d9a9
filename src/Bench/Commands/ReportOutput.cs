using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Plots;
using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;

namespace StreamDiff.Bench.Commands;

/// <summary>Where a benchmark's report goes: a table, JSON, plots.</summary>
internal sealed class ReportOutput
{
    private readonly Option<string?> _json = new("--json")
    {
        HelpName = "FILE",
        Description = "Write all figures, hardware, versions and settings as JSON, for 'streamdiff-bench compare'.",
    };
    private readonly Option<string?> _plots = new("--plots") { HelpName = "FOLDER", Description = "Draw PNG plots into a folder." };

    public void AddTo(Command command)
    {
        command.Add(_json);
        command.Add(_plots);
        // Here, so that no command can forget it, and none measures for an hour what cannot be written.
        command.Validators.Add(Check);
    }

    // Whatever else the command line names and is a file, is read.
    private void Check(CommandResult result)
    {
        var words = result.Children.Where(c => c is not OptionResult { Option: var o } || (o != _json && o != _plots))
            .SelectMany(c => c.Tokens).Select(t => t.Value);
        var model = result.Children.OfType<OptionResult>().FirstOrDefault(o => o.Option.Name == "--model") is { Tokens: [var name, ..] }
            ? name.Value
            : new ComputeOptions().Model;
        foreach (var problem in FileRules.Problems(
            [
                .. words.Where(File.Exists).Select(word => FileUse.Read("input", word)),
                .. CommandFiles.OfModel(model),
                .. FileUse.Writes(("json", result.GetValue(_json))).Select(f => f with { MakesFolders = true }),
                .. FileUse.Writes(("plots", result.GetValue(_plots))).Select(f => f with { Kind = FileUseKind.Fill }),
            ]))
            result.AddError(problem);
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
            WholeFile.Write(file, report.ToJson());
        }
        Console.Out.Write(ReportTable.Of(report, columns));
        foreach (var (key, value) in report.Settings.Concat(report.Hardware))
            Console.Out.WriteLine($"{key}: {value}");
        if (report.Conditions.GetValueOrDefault(HostConditions.Others) is { } others
            && double.TryParse(others, CultureInfo.InvariantCulture, out var processors) && processors > ProcessorUse.Disturbing)
            Say.Note($"other programs kept {others} processors busy meanwhile: these figures are disturbed");
        if (parse.GetValue(_plots) is { } plots)
            foreach (var picture in ReportPlots.Write(report, plots))
                Say.Line($"drawn: {picture}");
    }
}
