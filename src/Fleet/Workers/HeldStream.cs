using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Fleet.Workers;

/// <summary>A stream that a worker has, or gets rid of.</summary>
/// <param name="name">Its name.</param>
/// <param name="epoch">Of the right to it.</param>
internal sealed class HeldStream(string name, long epoch)
{
    public string Name => name;

    public long Epoch => epoch;

    /// <summary>The right to write its outputs.</summary>
    public OutputLease Lease { get; } = new();

    /// <summary>Why it never began; null where it did.</summary>
    public string? Failure { get; set; }

    /// <summary>Begins it.</summary>
    public Task Opening { get; set; } = Task.CompletedTask;

    /// <summary>True once it is not to be had any more.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>What is said of it.</summary>
    /// <param name="info">How its session is doing; null where there is none yet.</param>
    /// <param name="readers">Viewers and recordings.</param>
    public StreamReport Report(SessionInfo? info, int readers) => Failure is not null
        ? new StreamReport(name, epoch, StreamPhase.Failed, Failure, info, readers)
        : new StreamReport(name, epoch, PhaseOf(info?.State), info?.Reason, info, readers);

    private static StreamPhase PhaseOf(SessionState? state) => state switch
    {
        SessionState.Running => StreamPhase.Running,
        SessionState.Ended => StreamPhase.Ended,
        SessionState.Failed => StreamPhase.Failed,
        _ => StreamPhase.Opening,
    };
}
