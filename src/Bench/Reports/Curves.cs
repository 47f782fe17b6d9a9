using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Reports;

/// <summary>Curves of a report, few enough points for a file that is kept.</summary>
public static class Curves
{
    private const int MostPoints = 240;

    /// <summary>Share of the samples (percent) that does not exceed x, at whole percents, finer near the end.</summary>
    public static IReadOnlyList<Point> Cumulative(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        double[] shares = [.. Enumerable.Range(0, 100).Select(p => (double)p), 99.5, 99.9, 100];
        return sorted.Length == 0 ? [] : [.. shares.Select(s => new Point(Distribution.Quantile<double>(sorted, s / 100), s))];
    }

    /// <summary>At most a few hundred points: of each group of neighbours the one with the largest y, so that no peak is lost.</summary>
    public static IReadOnlyList<Point> Peaks(IReadOnlyList<Point> points)
    {
        var size = (points.Count + MostPoints - 1) / MostPoints;
        return size <= 1 ? points : [.. points.Chunk(size).Select(g => g.MaxBy(p => p.Y))];
    }
}
