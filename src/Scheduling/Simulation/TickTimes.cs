using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>How long ticks take in a simulation, in seconds. Has a state of its own: a new one for each run.</summary>
public interface ITickTimes
{
    /// <summary>The next tick of this shape.</summary>
    double Next(TickShape shape);
}

/// <summary>Modelled times, spread by chance.</summary>
/// <param name="terms">Of the device.</param>
/// <param name="jitter">Standard deviation of the logarithm; 0 for none.</param>
/// <param name="seed">Of the chance.</param>
public sealed class ModelledTicks(LatencyTerms terms, double jitter = 0, int seed = 1) : ITickTimes
{
    private readonly Random _random = new(seed);

    public double Next(TickShape shape) => terms.Of(shape) * (jitter > 0 ? Math.Exp(jitter * Normal()) : 1);

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}

/// <summary>
/// Times that were measured, played again: those of a shape in the order in which they were measured, over and over, so that slow seconds
/// stay together. A shape that was never met takes what the model says, corrected by how far the recording lay from it.
/// </summary>
public sealed class RecordedTicks : ITickTimes
{
    private readonly LatencyTerms _terms;
    private readonly Dictionary<TickShape, (double[] Seconds, int Next)> _recorded;
    private readonly double _correction;

    /// <param name="terms">For shapes that were not recorded.</param>
    /// <param name="samples">The recording, in order.</param>
    public RecordedTicks(LatencyTerms terms, IReadOnlyList<TickSample> samples)
    {
        _terms = terms;
        _recorded = samples.GroupBy(s => s.Shape).ToDictionary(g => g.Key, g => (g.Select(s => s.Seconds).ToArray(), 0));
        var ratios = samples.Where(s => terms.Of(s.Shape) > 0).Select(s => s.Seconds / terms.Of(s.Shape)).ToArray();
        _correction = ratios.Length == 0 ? 1 : Distribution.Median(ratios);
    }

    public double Next(TickShape shape)
    {
        if (!_recorded.TryGetValue(shape, out var found))
            return _terms.Of(shape) * _correction;
        _recorded[shape] = found with { Next = (found.Next + 1) % found.Seconds.Length };
        return found.Seconds[found.Next];
    }
}
