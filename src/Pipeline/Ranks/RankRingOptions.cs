namespace StreamDiff.Pipeline.Ranks;

/// <summary>How a ring behaves.</summary>
public sealed record RankRingOptions
{
    /// <summary>Blocks of the network.</summary>
    public required int Blocks { get; init; }

    /// <summary>
    /// Ticks in flight; 0 for one more than there are ranks, so that a tick lies ready wherever one ends and links work while ranks
    /// compute. More hide slower links; each adds a tick of latency per denoising step after the first.
    /// </summary>
    public int Depth { get; init; }

    /// <summary>A rank process that gives no sign of life for this long is taken for dead. Default 3 s.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>A rank that works on one tick for this long is taken for stalled. Default 60 s.</summary>
    public TimeSpan TickDeadline { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Longest time for loading weights and joining hands. Default 10 minutes.</summary>
    public TimeSpan FormDeadline { get; init; } = TimeSpan.FromMinutes(10);
}
