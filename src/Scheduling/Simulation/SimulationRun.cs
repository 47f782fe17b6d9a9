namespace StreamDiff.Scheduling.Simulation;

/// <summary>Everything that came of one simulated device.</summary>
/// <param name="Policy">Name of the policy.</param>
/// <param name="Load">Kind of the load.</param>
/// <param name="Seconds">How long it took in virtual time, the last hand-over included.</param>
/// <param name="BusySeconds">Time in which the transformer ran.</param>
/// <param name="Ticks">Passes of the network.</param>
/// <param name="Rows">Rows of all passes together.</param>
/// <param name="Streams">In the order of the load's lists.</param>
public sealed record SimulationRun(
    string Policy, LoadKind Load, double Seconds, double BusySeconds, long Ticks, long Rows, IReadOnlyList<StreamOutcome> Streams)
{
    /// <summary>Pictures handed over.</summary>
    public long Delivered => Streams.Sum(s => (long)s.Pictures.Count);
}

/// <summary>What came of one stream.</summary>
/// <param name="Arrived">Pictures that came in.</param>
/// <param name="Late">Handed over after their deadline.</param>
/// <param name="Dropped">Given up.</param>
/// <param name="Pictures">Those that were handed over, in order.</param>
public sealed record StreamOutcome(long Arrived, long Late, long Dropped, IReadOnlyList<SimulatedPicture> Pictures)
{
    /// <summary>Late or dropped, of all that came.</summary>
    public double MissRate => Arrived == 0 ? 0 : (double)(Late + Dropped) / Arrived;
}

/// <summary>A picture that came out.</summary>
/// <param name="Taken">Second of its capture.</param>
/// <param name="Given">Second of its hand-over.</param>
public readonly record struct SimulatedPicture(double Taken, double Given)
{
    /// <summary>Its latency.</summary>
    public double Seconds => Given - Taken;
}
