using ScottPlot;
using StreamDiff.Bench.Reports;

namespace StreamDiff.Bench.Plots;

/// <summary>A figure of every policy under every load, side by side, with the spread of the repetitions.</summary>
internal static class PolicyPlot
{
    private const double BarWidth = 0.8;

    /// <param name="report">Cases are called "load, policy".</param>
    /// <param name="figure">Name of the figure.</param>
    public static Plot Of(BenchmarkReport report, string figure)
    {
        var cases = report.Cases.Select(c => (Words: c.Name.Split(", "), Figure: c.Find(figure))).ToList();
        var loads = cases.Select(c => c.Words[0]).Distinct().ToList();
        var policies = cases.Select(c => c.Words[^1]).Distinct().ToList();
        var palette = new ScottPlot.Palettes.Category10();
        var plot = new Plot();
        var width = BarWidth / policies.Count;
        foreach (var (words, found) in cases)
        {
            var policy = policies.IndexOf(words[^1]);
            var at = loads.IndexOf(words[0]) + (policy + 0.5) * width - BarWidth / 2;
            if (found is null)
                continue;
            plot.Add.Bar(
                new Bar { Position = at, Value = found.Value, FillColor = palette.GetColor(policy), LineWidth = 0, Size = width * 0.95 });
            plot.Add.Line(at, found.Low, at, found.High).LineColor = Colors.Black;
        }
        for (var i = 0; i < policies.Count; i++)
            plot.Legend.ManualItems.Add(new LegendItem { LabelText = policies[i], FillColor = palette.GetColor(i) });
        plot.Axes.Bottom.SetTicks([.. loads.Select((_, i) => (double)i)], [.. loads]);
        plot.Title(
            $"policies: {figure}, {report.Settings.GetValueOrDefault("sessions")} session(s) of "
                + $"{report.Settings.GetValueOrDefault("rate")} fps, deadline {report.Settings.GetValueOrDefault("deadline ms")} ms",
                    size: 15);
        plot.YLabel($"{figure}, {cases.Select(c => c.Figure?.Unit).FirstOrDefault(u => u is not null)}");
        plot.Axes.AutoScale();
        plot.Axes.SetLimitsY(0, Math.Max(1, plot.Axes.GetLimits().Top));
        plot.ShowLegend(Edge.Bottom);
        return plot;
    }
}
