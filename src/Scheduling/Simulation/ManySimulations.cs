namespace StreamDiff.Scheduling.Simulation;

/// <summary>
/// Streams spread evenly over many devices; each device has its own arrivals and its own chance, and what streams of one do is no other's
/// concern.
/// </summary>
public static class ManySimulations
{
    /// <summary>Simulates all devices beside each other on this machine's processors.</summary>
    /// <param name="devices">How many, at least 1.</param>
    /// <param name="streams">In all, at least 1; devices without any are left out.</param>
    /// <param name="run">Simulates a device; given its number and its streams. Called from several threads.</param>
    public static SimulationResult Run(int devices, int streams, Func<int, int, SimulationRun> run)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(devices, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(streams, 1);
        var runs = new SimulationRun[Math.Min(devices, streams)];
        Parallel.For(0, runs.Length, device => runs[device] = run(device, StreamsOf(device, devices, streams)));
        return SimulationResult.Of(runs);
    }

    /// <summary>Streams of a device: no two devices differ by more than one.</summary>
    public static int StreamsOf(int device, int devices, int streams) => streams / devices + (device < streams % devices ? 1 : 0);
}
