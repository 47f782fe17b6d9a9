namespace StreamDiff.Scheduling.Statistics;

/// <summary>
/// What a set of measured values looks like. The only place that chooses a value by its rank, so that a p95 means the same in every report:
/// quantiles are of the nearest rank, the smallest sample that a share of all samples does not exceed, hence always a value that was
/// measured.
/// </summary>
/// <param name="Count">Samples.</param>
/// <param name="Minimum">Least.</param>
/// <param name="Mean">Arithmetic mean.</param>
/// <param name="P50">Half of the samples are no larger.</param>
/// <param name="P95">Nineteen of twenty are no larger.</param>
/// <param name="P99">Ninety-nine of a hundred are no larger.</param>
/// <param name="Maximum">Largest.</param>
public sealed record Distribution(int Count, double Minimum, double Mean, double P50, double P95, double P99, double Maximum)
{
    /// <summary>Of no samples: all zero.</summary>
    public static Distribution Of(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length == 0
            ? new Distribution(0, 0, 0, 0, 0, 0, 0)
            : new Distribution(sorted.Length, sorted[0], sorted.Average(), Quantile<double>(sorted, 0.5), Quantile<double>(sorted, 0.95),
                Quantile<double>(sorted, 0.99), sorted[^1]);
    }

    /// <summary>The sample of the nearest rank: of n samples the ceil(share * n)-th smallest.</summary>
    /// <param name="sorted">In ascending order, at least one.</param>
    /// <param name="share">0 to 1.</param>
    public static T Quantile<T>(ReadOnlySpan<T> sorted, double share) =>
        sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Length - 1e-9) - 1, 0, sorted.Length - 1)];

    /// <summary>What repetitions are summed up with: the middle one, or the mean of the two in the middle; 0 of none.</summary>
    public static double Median(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length == 0 ? 0 : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
