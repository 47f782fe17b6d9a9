using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Batching;

/// <summary>All policies by name: the one that sessions use first, the published ones for comparison.</summary>
public static class BatchPolicies
{
    public static IReadOnlyList<(string Name, Func<LatencyModel, IBatchPolicy> Make)> All { get; } =
    [
        ("deadline", model => new DeadlineBatchPolicy(model)),
        ("stream-batch", _ => new FixedStreamBatch()),
        ("sequential", _ => new FixedSequential()),
        ("published", _ => new PublishedSwitch()),
    ];
}
