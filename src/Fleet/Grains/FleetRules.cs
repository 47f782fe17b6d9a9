namespace StreamDiff.Fleet.Grains;

/// <summary>What a fleet does by itself.</summary>
public sealed record FleetRules
{
    /// <summary>Streams that may wait for room. Default 1000.</summary>
    public int MostQueued { get; init; } = 1000;

    /// <summary>A stream without a source and without viewers gives its place up after so long. Default null: never.</summary>
    public TimeSpan? SuspendAfter { get; init; }

    /// <summary>
    /// Between two moves that make loads even; null makes none. Default 10 s: each costs its stream a connection to its outputs.
    /// </summary>
    public TimeSpan? RebalanceEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Difference of two workers' loads that is left as it is. Default 0.35.</summary>
    public double Apart { get; init; } = 0.35;
}
