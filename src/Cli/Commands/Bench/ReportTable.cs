using System.Globalization;
using System.Text;
using StreamDiff.Pipeline.Benchmarks.Reports;

namespace StreamDiff.Cli.Commands.Bench;

/// <summary>Figures as a Markdown table, one case a line: it can be read as it is and pasted where it belongs.</summary>
internal static class ReportTable
{
    public static string Of(BenchmarkReport report, IReadOnlyList<string> columns)
    {
        var figures = columns.Select(c => report.Cases.Select(r => r.Find(c)).FirstOrDefault(f => f is not null)).OfType<Figure>().ToList();
        var rows = new List<string[]> { (string[])["case", .. figures.Select(f => f.Unit.Length == 0 ? f.Name : $"{f.Name}, {f.Unit}")] };
        rows.AddRange(report.Cases.Select(c => (string[])[c.Name, .. figures.Select(f => Show(c.Find(f.Name)))]));
        return Lines(rows);
    }

    /// <summary>The first row is the head.</summary>
    public static string Lines(IReadOnlyList<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(i => rows.Max(r => r[i].Length)).ToArray();
        var text = new StringBuilder();
        for (var row = 0; row < rows.Count; row++)
        {
            text.Append("| ").AppendJoin(" | ", rows[row].Select((cell, i) => i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i]))).Append(" |\n");
            if (row == 0)
                text.Append('|').AppendJoin('|', widths.Select((w, i) => i == 0 ? new string('-', w + 2) : new string('-', w + 1) + ":")).Append("|\n");
        }
        return text.ToString();
    }

    public static string Number(double value) => Math.Abs(value) switch
    {
        >= 100 => value.ToString("0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.##", CultureInfo.InvariantCulture),
    };

    private static string Show(Figure? figure) => figure switch
    {
        null => "-",
        { HasSpread: true } => $"{Number(figure.Value)} ({Number(figure.Low)}-{Number(figure.High)})",
        _ => Number(figure.Value),
    };
}
