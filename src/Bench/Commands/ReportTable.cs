using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;

namespace StreamDiff.Bench.Commands;

/// <summary>Figures as a Markdown table, one case a line: it can be read as it is and pasted where it belongs.</summary>
internal static class ReportTable
{
    public static string Of(BenchmarkReport report, IReadOnlyList<string> columns)
    {
        var figures = columns.Select(c => report.Cases.Select(r => r.Find(c)).FirstOrDefault(f => f is not null)).OfType<Figure>().ToList();
        var rows = new List<string[]> { (string[])["case", .. figures.Select(f => f.Unit.Length == 0 ? f.Name : $"{f.Name}, {f.Unit}")] };
        rows.AddRange(report.Cases.Select(c => (string[])[c.Name, .. figures.Select(f => Show(c.Find(f.Name)))]));
        return TextTable.Of(rows);
    }

    private static string Show(Figure? figure) => figure switch
    {
        null => "-",
        { HasSpread: true } => $"{TextTable.Number(figure.Value)} ({TextTable.Number(figure.Low)}-{TextTable.Number(figure.High)})",
        _ => TextTable.Number(figure.Value),
    };
}
