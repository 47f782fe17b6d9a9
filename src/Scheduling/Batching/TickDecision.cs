namespace StreamDiff.Scheduling.Batching;

/// <summary>What a policy wants.</summary>
/// <param name="Rows">Rows to run together, as places in <see cref="StreamView.Ready"/> by the stream's number; none: wait.</param>
/// <param name="ChunkFrames">Latent frames of the next chunk of a stream, where it should not be one; 0 lets it wait.</param>
/// <param name="WaitUntil">Where nothing is run: when to ask again at the latest; null when something new has come.</param>
/// <param name="Reason">For logs.</param>
public sealed record TickDecision(
    IReadOnlyList<(int Stream, int Row)> Rows, IReadOnlyDictionary<int, int> ChunkFrames, TimeSpan? WaitUntil, string Reason)
{
    private static readonly Dictionary<int, int> OneEach = [];

    /// <summary>Nothing can run.</summary>
    public static TickDecision Idle { get; } = new([], OneEach, null, "nothing is ready");

    /// <summary>Runs rows; chunks stay at one latent frame.</summary>
    public static TickDecision Run(IReadOnlyList<(int Stream, int Row)> rows, string reason) => new(rows, OneEach, null, reason);
}

/// <summary>
/// Chooses what the device does next. Pure: the same view gives the same decision, apart from what the policy remembers of its own
/// decisions.
/// </summary>
public interface IBatchPolicy
{
    string Name { get; }

    /// <summary>
    /// True where it must know how long a tick took before it decides on the next, so that a device is waited for after each. Default true.
    /// </summary>
    bool NeedsTimes => true;

    TickDecision Next(SchedulerView view);
}
