namespace StreamDiff.Fleet.Contracts;

/// <summary>The times by which a fleet notices that a worker has gone.</summary>
/// <param name="Beat">Between two heartbeats of a worker. Default half a second.</param>
/// <param name="Lease">How long a worker may write outputs after it has asked for the right to, and was given it. Default 2 s.</param>
public sealed record FleetTimes(TimeSpan Beat, TimeSpan Lease)
{
    /// <summary>The defaults.</summary>
    public static FleetTimes Usual { get; } = new(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(2));

    /// <summary>How long somebody who stops a session waits for its outputs to be closed. Default 15 s.</summary>
    public TimeSpan Stop { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// After so long without a heartbeat its streams go elsewhere: it counts from when it asked, we count from when we heard of it, and
    /// what is on its way when the right ends is let arrive.
    /// </summary>
    public TimeSpan Lost => Lease + TimeSpan.FromMilliseconds(200);
}
