using System.CommandLine;
using System.Globalization;
using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench compare</c>: what has become better, and what worse.</summary>
internal sealed class CompareCommand : Command
{
    private readonly Argument<string> _before = new("BEFORE") { Description = "Report written with --json." };
    private readonly Argument<string> _after = new("AFTER") { Description = "Another one of the same benchmark." };
    private readonly Option<double> _tolerance = new("--tolerance")
    {
        HelpName = "PERCENT",
        Description = "Change of a figure that is no change. Default: 5.",
        DefaultValueFactory = _ => 5,
    };
    private readonly Option<bool> _anyway = new("--different-settings") { Description = "Compare although settings or hardware differ." };
    private readonly Option<bool> _all = new("--all") { Description = "Print every figure, also those that are the same or not judged." };

    public CompareCommand()
        : base("compare", "Compare two reports figure by figure. Exit code 1 if a figure is worse: a change beyond the tolerance and "
            + "beyond the figure's own spread.")
    {
        foreach (var argument in (Argument[])[_before, _after])
            Add(argument);
        foreach (var option in (Option[])[_tolerance, _anyway, _all])
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        if (!(parse.GetValue(_tolerance) >= 0))
            return Usage.Report(["tolerance must not be negative"], "compare");
        var (before, after) = (BenchmarkReport.Read(parse.GetValue(_before)!), BenchmarkReport.Read(parse.GetValue(_after)!));
        var comparison = ReportComparison.Of(before, after, parse.GetValue(_tolerance) / 100);
        if (comparison.Differences.Count > 0 && !parse.GetValue(_anyway))
        {
            foreach (var difference in comparison.Differences)
                Say.Error($"not the same in both: {difference}");
            Say.Line("measure both alike, or add --different-settings if the difference is what you want to see");
            return ExitCode.Usage;
        }
        foreach (var difference in comparison.Differences)
            Say.Note($"not the same in both: {difference}");
        var shown = comparison.Changes.Where(c => parse.GetValue(_all) || c.Verdict is Verdict.Better or Verdict.Worse).ToList();
        if (shown.Count > 0)
            Console.Out.Write(TextTable.Of([["case", "figure", "before", "after", "ratio", "verdict"], .. shown.Select(Row)]));
        foreach (var name in comparison.OnlyBefore.Concat(comparison.OnlyAfter))
            Say.Note($"only in one of them: {name}");
        Console.Out.WriteLine($"{before.Software.GetValueOrDefault("streamdiff")} / {after.Software.GetValueOrDefault("streamdiff")}");
        Console.Out.WriteLine(comparison.Summary);
        return comparison.Worse > 0 ? ExitCode.Failed : ExitCode.Ok;
    }

    private static string[] Row(FigureChange change) =>
    [
        change.Case, change.Before.Name, TextTable.Number(change.Before.Value), TextTable.Number(change.After.Value),
        change.Ratio?.ToString("0.00", CultureInfo.InvariantCulture) ?? "-",
        change.Verdict == Verdict.Unjudged ? "" : change.Verdict.ToString().ToLowerInvariant(),
    ];
}
