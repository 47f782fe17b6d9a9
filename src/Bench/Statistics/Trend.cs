using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Statistics;

/// <summary>Whether a figure stays where it is over time, judged so that single outliers decide nothing.</summary>
/// <param name="SlopePerHour">Median of the slopes between all pairs of samples (Theil and Sen), per hour.</param>
/// <param name="Growth">What that slope makes over the time that was watched.</param>
/// <param name="Z">Normal deviate of the Mann-Kendall test for a trend: beyond 2.33 the samples grow (one in a hundred trendless series
/// does).</param>
public readonly record struct Trend(double SlopePerHour, double Growth, double Z)
{
    /// <summary>Deviate beyond which a series counts as growing.</summary>
    public const double Significant = 2.33;

    /// <summary>Judges samples.</summary>
    /// <param name="hours">When each was taken.</param>
    /// <param name="values">The samples.</param>
    public static Trend Of(IReadOnlyList<double> hours, IReadOnlyList<double> values)
    {
        if (hours.Count != values.Count)
            throw new ArgumentException("as many times as values are needed", nameof(hours));
        if (values.Count < 2)
            return new Trend(0, 0, 0);
        var slopes = new List<double>();
        var score = 0;
        for (var i = 0; i < values.Count; i++)
        {
            for (var j = i + 1; j < values.Count; j++)
            {
                slopes.Add((values[j] - values[i]) / (hours[j] - hours[i]));
                score += Math.Sign(values[j] - values[i]);
            }
        }
        var slope = Distribution.Median(slopes);
        return new Trend(slope, slope * (hours[^1] - hours[0]), Deviate(score, values));
    }

    /// <summary>Flat, growing, or not known yet.</summary>
    /// <param name="allowed">Growth over the time watched that is no matter, in the figure's unit.</param>
    public TrendVerdict Judge(double allowed) =>
        Growth <= allowed ? TrendVerdict.Flat : Z >= Significant ? TrendVerdict.Growing : TrendVerdict.Undecided;

    private static double Deviate(int score, IReadOnlyList<double> values)
    {
        double n = values.Count;
        var ties = values.GroupBy(v => v).Select(g => (double)g.Count()).Sum(t => t * (t - 1) * (2 * t + 5));
        var variance = (n * (n - 1) * (2 * n + 5) - ties) / 18;
        return variance <= 0 || score == 0 ? 0 : (score - Math.Sign(score)) / Math.Sqrt(variance);
    }
}

/// <summary>What a trend says.</summary>
public enum TrendVerdict
{
    /// <summary>It grows, by more than may be, and not by chance.</summary>
    Growing,

    /// <summary>It grew by more than may be, but that may be chance: watch for longer.</summary>
    Undecided,

    Flat,
}
