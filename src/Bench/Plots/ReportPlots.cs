using ScottPlot;
using StreamDiff.Bench.Reports;
using StreamDiff.Transport.Files;

namespace StreamDiff.Bench.Plots;

/// <summary>Draws a report. The drawing library is loaded here and nowhere else, so that no other command waits for it.</summary>
internal static class ReportPlots
{
    private const int Width = 1000;
    private const int Height = 560;
    private const string Chunk = "chunk: ";

    /// <summary>One PNG for each kind of curve that the report has, and one of the stages. Returns the files.</summary>
    public static IReadOnlyList<string> Write(BenchmarkReport report, string folder)
    {
        Directory.CreateDirectory(folder);
        var files = new List<string>();
        void Save(Plot plot, string name)
        {
            var file = Path.Combine(folder, $"{report.Benchmark}-{name.Replace(' ', '-')}.png");
            WholeFile.Write(file, plot.GetImageBytes(Width, Height, ImageFormat.Png));
            files.Add(file);
        }

        var curves = report.Cases.SelectMany(c => c.Series.Keys).Distinct().ToList();
        if (report.Benchmark == "policies")
        {
            foreach (var figure in (string[])["missed", "latency p95", "fps"])
                Save(PolicyPlot.Of(report, figure), figure);
            // Policies are compared under one load at a time.
            foreach (var load in report.Cases.GroupBy(c => c.Name.Split(", ")[0]))
                curves.ForEach(name => Save(Curve(report with { Cases = [.. load] }, name), $"{load.Key} {name}"));
        }
        else if (report.Benchmark == "simulator")
        {
            // Reality and its simulations, one policy under one load at a time.
            foreach (var pair in report.Cases.GroupBy(c => string.Join(", ", c.Name.Split(", ")[..2])))
                curves.ForEach(name => Save(
                    Curve(report with { Cases = [.. pair] }, name), $"{pair.Key.Replace(", ", " ", StringComparison.Ordinal)} {name}"));
        }
        else if (report.Benchmark == "soak")
            files.Add(Below(report, curves, Path.Combine(folder, "soak-held.png"), "time, s"));
        else if (report.Benchmark == "scenes")
            files.Add(Below(report, curves, Path.Combine(folder, "scenes.png"), "minute of the stream"));
        else
            curves.ForEach(name => Save(Curve(report, name), name));
        if (report.Cases.Any(c => c.Figures.Any(f => f.Name.StartsWith(Chunk, StringComparison.Ordinal))))
            Save(Stages(report), "stages");
        return files;
    }

    // What a process holds or a stream looks like, on one time axis: what grows together has one cause.
    private static string Below(BenchmarkReport report, List<string> curves, string file, string axis)
    {
        var all = new Multiplot();
        all.AddPlots(curves.Count);
        for (var i = 0; i < curves.Count; i++)
        {
            var plot = all.GetPlot(i);
            var points = report.Cases[0].Series[curves[i]];
            plot.Add.ScatterLine(points.Select(p => p.X).ToArray(), points.Select(p => p.Y).ToArray());
            plot.Title(curves[i], size: 13);
            plot.Axes.AutoScale();
            var (bottom, top) = (points.Min(p => p.Y), points.Max(p => p.Y));
            plot.Axes.SetLimitsY(Math.Min(0, bottom * 1.1), Math.Max(top * 1.1, 1e-3));
        }
        all.GetPlot(curves.Count - 1).XLabel(axis);
        WholeFile.Write(file, all.Render(Width, 170 * curves.Count).GetImageBytes(ImageFormat.Png, 100));
        return file;
    }

    private static Plot Curve(BenchmarkReport report, string name)
    {
        var plot = New(report, name);
        foreach (var (caption, points) in report.Cases.Where(c => c.Series.ContainsKey(name)).Select(c => (c.Name, c.Series[name])))
        {
            var line = plot.Add.ScatterLine(points.Select(p => p.X).ToArray(), points.Select(p => p.Y).ToArray());
            line.LegendText = caption;
            line.LineWidth = 1.6f;
        }
        var (x, y) = Axes(name);
        plot.XLabel(x);
        plot.YLabel(y);
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsY(0, name.EndsWith("cdf", StringComparison.Ordinal) ? 100 : plot.Axes.GetLimits().Top);
        plot.ShowLegend(Edge.Bottom);
        return plot;
    }

    // Bars from below: first case at the top.
    private static Plot Stages(BenchmarkReport report)
    {
        var plot = New(report, "where a chunk's time goes");
        var names = report.Cases.SelectMany(c => c.Figures).Select(f => f.Name).Where(n => n.StartsWith(Chunk, StringComparison.Ordinal))
            .Distinct().ToList();
        var palette = new ScottPlot.Palettes.Category10();
        for (var row = 0; row < report.Cases.Count; row++)
        {
            var at = 0.0;
            for (var i = 0; i < names.Count; i++)
            {
                var value = report.Cases[row].Find(names[i])?.Value ?? 0;
                plot.Add.Bar(new Bar
                {
                    Position = report.Cases.Count - row,
                    ValueBase = at,
                    Value = at + value,
                    FillColor = palette.GetColor(i),
                    LineWidth = 0,
                    Orientation = Orientation.Horizontal,
                    Size = 0.7,
                });
                at += value;
            }
        }
        for (var i = 0; i < names.Count; i++)
            plot.Legend.ManualItems.Add(new LegendItem { LabelText = names[i][Chunk.Length..], FillColor = palette.GetColor(i) });
        plot.Axes.Left.SetTicks(
            [.. report.Cases.Select((_, i) => (double)(report.Cases.Count - i))], [.. report.Cases.Select(c => c.Name)]);
        plot.XLabel("milliseconds per chunk of four frames, medians");
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsX(0, plot.Axes.GetLimits().Right);
        plot.ShowLegend(Edge.Bottom);
        return plot;
    }

    private static Plot New(BenchmarkReport report, string what)
    {
        var plot = new Plot();
        plot.Title(
            $"{report.Benchmark}: {what} ({report.Settings.GetValueOrDefault("model")}, {report.Settings.GetValueOrDefault("device")} "
                + $"{report.Settings.GetValueOrDefault("type")})", size: 15);
        return plot;
    }

    private static (string X, string Y) Axes(string name) => name switch
    {
        "latency cdf" => ("latency, ms", "share of frames, %"),
        "latency over time" => ("time of arrival, s", "latency, ms"),
        _ => ("time, s", name),
    };
}
