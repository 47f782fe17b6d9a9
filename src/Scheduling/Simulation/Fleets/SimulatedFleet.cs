using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Scheduling.Simulation.Fleets;

/// <summary>A fleet of equal workers as the simulator knows it. Times are seconds.</summary>
public sealed record SimulatedFleet
{
    /// <summary>Number of workers.</summary>
    public required int Workers { get; init; }

    /// <summary>What each of them is.</summary>
    public required SimulatedDevice Device { get; init; }

    /// <summary>What each says that it can do.</summary>
    public required WorkerCapacity Capacity { get; init; }

    /// <summary>From a place to the first picture that is read there. Default 0.5.</summary>
    public double Opening { get; init; } = 0.5;

    /// <summary>From the death of a worker to the moment at which its streams are given other places. Default 2.</summary>
    public double Notice { get; init; } = 2;

    /// <summary>Most time for the streams of a worker that is drained to find other places. Default 30.</summary>
    public double Grace { get; init; } = 30;

    /// <summary>How long a user waits for a place before giving up. Default 60.</summary>
    public double Patience { get; init; } = 60;

    /// <summary>Most users that wait; who comes then is refused. Default 1000.</summary>
    public int QueueLength { get; init; } = 1000;

    /// <summary>Standard deviation of the logarithm of tick times. Default 0.05.</summary>
    public double Jitter { get; init; } = 0.05;

    /// <summary>Of pictures and tick times. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Makes the policy of a worker. Default: the one that sessions use.</summary>
    public Func<LatencyModel, IBatchPolicy> Policy { get; init; } = model => new DeadlineBatchPolicy(model);

    /// <summary>Settings of a fleet whose workers say of themselves what a host with this device says.</summary>
    public static SimulatedFleet Of(int workers, SimulatedDevice device) => new()
    {
        Workers = workers,
        Device = device,
        Capacity = new WorkerCapacity("model", device.Terms, 1, device.Lanes, device.Lanes, device.CodingWorkers, int.MaxValue),
    };
}
