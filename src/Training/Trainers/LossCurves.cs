using System.Globalization;
using ScottPlot;

namespace StreamDiff.Training.Trainers;

/// <summary>Draws a training's figures beside the CSV file that holds them.</summary>
public static class LossCurves
{
    /// <summary>Writes a PNG of the same name: one curve a column, on a logarithmic scale where that makes sense.</summary>
    public static void Draw(string csv)
    {
        var lines = File.ReadAllLines(csv);
        var names = lines[0].Split(',');
        var rows = lines.Skip(1).Select(l => Array.ConvertAll(l.Split(','), v => double.Parse(v, CultureInfo.InvariantCulture))).ToArray();
        if (rows.Length == 0)
            return;
        var plot = new Plot();
        for (var column = 1; column < names.Length; column++)
        {
            var curve = plot.Add.SignalXY(
                [.. rows.Select(r => r[0])], [.. rows.Select(r => Math.Log10(Math.Max(Math.Abs(r[column]), 1e-9)))]);
            curve.LegendText = names[column];
        }
        plot.XLabel("step");
        plot.YLabel("log10");
        plot.Title(Path.GetFileNameWithoutExtension(csv));
        plot.ShowLegend();
        plot.SavePng(Path.ChangeExtension(csv, ".png"), 900, 500);
    }
}
