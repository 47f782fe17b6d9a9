namespace StreamDiff.Pipeline.Benchmarks.Statistics;

/// <summary>What a set of measured times looks like.</summary>
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
            : new Distribution(sorted.Length, sorted[0], sorted.Average(), Quantile(sorted, 0.5), Quantile(sorted, 0.95), Quantile(sorted, 0.99), sorted[^1]);
    }

    /// <summary>The smallest sample that a share of all samples does not exceed (nearest rank), so always one that was measured.</summary>
    /// <param name="sorted">In ascending order, at least one.</param>
    /// <param name="share">0 to 1.</param>
    public static double Quantile(IReadOnlyList<double> sorted, double share) =>
        sorted[Math.Clamp((int)Math.Ceiling(share * sorted.Count - 1e-9) - 1, 0, sorted.Count - 1)];

    /// <summary>The middle one, or the mean of the two in the middle.</summary>
    public static double Median(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length == 0 ? 0 : (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
