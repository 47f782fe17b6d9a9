using System.Globalization;
using System.Text;
using System.Text.Json;

namespace StreamDiff.Training.Evaluation;

/// <summary>Tables of figures, as Markdown for people and as JSON for programs.</summary>
internal sealed class Report
{
    private readonly List<Table> _tables = [];

    /// <summary>Begins a table.</summary>
    public void Begin(string title, params string[] columns)
    {
        _tables.Add(new Table(title, columns, []));
        Console.WriteLine($"\n{title}\n  {string.Join(" | ", columns)}");
    }

    /// <summary>Adds a row to the last table.</summary>
    public void Row(params object[] cells)
    {
        var texts = Array.ConvertAll(
            cells, c => c is double d ? d.ToString(Math.Abs(d) >= 10 ? "F1" : "F3", CultureInfo.InvariantCulture) : c.ToString()!);
        _tables[^1].Rows.Add(texts);
        Console.WriteLine($"  {string.Join(" | ", texts)}");
    }

    public void Write(string folder)
    {
        var text = new StringBuilder();
        foreach (var table in _tables)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"### {table.Title}\n\n| {string.Join(" | ", table.Columns)} "
                    + $"|\n|{string.Concat(Enumerable.Repeat("---|", table.Columns.Length))}\n");
            foreach (var row in table.Rows)
                text.Append(CultureInfo.InvariantCulture, $"| {string.Join(" | ", row)} |\n");
            text.Append('\n');
        }
        File.WriteAllText(Path.Combine(folder, "evaluation.md"), text.ToString());
        File.WriteAllText(Path.Combine(folder, "evaluation.json"), JsonSerializer.Serialize(_tables, Indented));
    }

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private sealed record Table(string Title, string[] Columns, List<string[]> Rows);
}
