using ScottPlot;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Transport.Files;

namespace StreamDiff.Bench.Plots;

/// <summary>Predicted against measured tick times.</summary>
internal static class CalibrationPlot
{
    public static void Write(CalibrationReport result, string file)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } folder)
            Directory.CreateDirectory(folder);
        var plot = new Plot();
        var largest = result.Rows.Max(r => Math.Max(r.Measured, r.Predicted)) * 1e3;
        var ideal = plot.Add.Line(0, 0, largest, largest);
        (ideal.LineColor, ideal.LinePattern, ideal.LegendText) = (Colors.Gray, LinePattern.Dashed, "as measured");
        foreach (var group in result.Rows.GroupBy(r => r.IsHeldOut))
        {
            var points = plot.Add.ScatterPoints(
                group.Select(r => r.Measured * 1e3).ToArray(), group.Select(r => r.Predicted * 1e3).ToArray());
            points.MarkerSize = 7;
            points.LegendText = group.Key
                ? $"held out, median error {100 * CalibrationRow.MedianError(result.Rows, isHeldOut: true):0.0} %"
                : $"fitted, median error {100 * CalibrationRow.MedianError(result.Rows, isHeldOut: false):0.0} %";
        }
        plot.Title($"tick times: {result.Model}, {result.Device} {result.Type}", size: 15);
        plot.XLabel("measured, ms");
        plot.YLabel("predicted, ms");
        plot.ShowLegend(Alignment.UpperLeft);
        WholeFile.Write(file, plot.GetImageBytes(800, 640, ImageFormats.FromFilename(file)));
    }
}
