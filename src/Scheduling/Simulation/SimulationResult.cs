using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Scheduling.Simulation;

/// <summary>What came of a run, over all streams. Latencies are of single pictures, from capture to hand-over, in seconds.</summary>
/// <param name="Policy">Name of the policy.</param>
/// <param name="Load">Kind of the load.</param>
/// <param name="Arrived">Pictures that came in.</param>
/// <param name="Delivered">Pictures handed over.</param>
/// <param name="Late">Of those, after their deadline.</param>
/// <param name="Dropped">Pictures given up.</param>
/// <param name="FramesPerSecond">Delivered a second, of all streams together.</param>
/// <param name="P50">Median latency.</param>
/// <param name="P95">95th percentile.</param>
/// <param name="P99">99th percentile.</param>
/// <param name="Max">Largest.</param>
/// <param name="Utilisation">Share of the time in which the transformer ran, mean of all devices.</param>
/// <param name="RowsPerTick">Mean.</param>
/// <param name="WorstStream">Largest miss rate of a stream.</param>
public sealed record SimulationResult(
    string Policy, LoadKind Load, long Arrived, long Delivered, long Late, long Dropped, double FramesPerSecond, double P50, double P95,
    double P99, double Max,
    double Utilisation, double RowsPerTick, double WorstStream)
{
    /// <summary>Late or dropped, of all that came.</summary>
    public double MissRate => Arrived == 0 ? 0 : (double)(Late + Dropped) / Arrived;

    /// <summary>Sums up devices that ran beside each other, or one alone.</summary>
    /// <param name="runs">At least one, all of the same policy and kind of load.</param>
    public static SimulationResult Of(IReadOnlyList<SimulationRun> runs)
    {
        var streams = runs.SelectMany(r => r.Streams).ToArray();
        var all = Distribution.Of(streams.SelectMany(s => s.Pictures).Select(p => p.Seconds));
        double OrNone(double latency) => all.Count == 0 ? double.NaN : latency;
        var ticks = runs.Sum(r => r.Ticks);
        return new SimulationResult(
            runs[0].Policy, runs[0].Load, streams.Sum(s => s.Arrived), all.Count, streams.Sum(s => s.Late), streams.Sum(s => s.Dropped),
            runs.Sum(r => r.Delivered / r.Seconds),
            OrNone(all.P50), OrNone(all.P95), OrNone(all.P99), OrNone(all.Maximum), runs.Average(r => r.BusySeconds / r.Seconds),
            ticks == 0 ? 0 : (double)runs.Sum(r => r.Rows) / ticks,
            streams.Length == 0 ? 0 : streams.Max(s => s.MissRate));
    }
}
