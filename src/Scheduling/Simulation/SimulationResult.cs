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
/// <param name="Utilisation">Share of the time in which the transformer ran.</param>
/// <param name="RowsPerTick">Mean.</param>
/// <param name="WorstStream">Largest miss rate of a stream.</param>
public sealed record SimulationResult(
    string Policy, LoadKind Load, long Arrived, long Delivered, long Late, long Dropped, double FramesPerSecond, double P50, double P95, double P99, double Max,
    double Utilisation, double RowsPerTick, double WorstStream)
{
    /// <summary>Late or dropped, of all that came.</summary>
    public double MissRate => Arrived == 0 ? 0 : (double)(Late + Dropped) / Arrived;
}
