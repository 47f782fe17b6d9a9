using System.Text.Json.Serialization;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Reports;

/// <summary>Which way a figure is better.</summary>
public enum Better
{
    /// <summary>Told for information; a comparison does not judge it.</summary>
    None,

    Lower,

    Higher,
}

/// <summary>A measured number: the median of its repetitions, and how far they lie apart.</summary>
/// <param name="Name">Such as "latency p95".</param>
/// <param name="Unit">Such as "ms"; empty for counts.</param>
/// <param name="Better">Which way is better.</param>
/// <param name="Value">Median of the repetitions.</param>
/// <param name="Low">Least of them.</param>
/// <param name="High">Largest of them.</param>
public sealed record Figure(string Name, string Unit, Better Better, double Value, double Low, double High)
{
    /// <summary>Measured once.</summary>
    public static Figure Once(string name, string unit, Better better, double value) =>
        new(name, unit, better, Round(value), Round(value), Round(value));

    /// <summary>The same figure of several repetitions.</summary>
    public static Figure Of(IReadOnlyList<Figure> repetitions)
    {
        var values = repetitions.Select(r => r.Value).ToList();
        return repetitions[0] with { Value = Round(Distribution.Median(values)), Low = values.Min(), High = values.Max() };
    }

    /// <summary>
    /// Figures of several repetitions joined by name, in the order of the first one; a figure that some repetitions lack is the median of
    /// those that have it.
    /// </summary>
    public static IReadOnlyList<Figure> Join(IReadOnlyList<IReadOnlyList<Figure>> repetitions) =>
        [.. repetitions.SelectMany(r => r).GroupBy(f => f.Name).Select(g => Of([.. g]))];

    /// <summary>True when more than one repetition tells how much the figure varies by itself.</summary>
    [JsonIgnore]
    public bool HasSpread => High > Low;

    // Digits beyond the fifth are noise and make files large.
    private static double Round(double value) =>
        value == 0 || !double.IsFinite(value) ? value : double.Parse(
            value.ToString("G5", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture);
}
