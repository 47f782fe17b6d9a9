using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>How the blocks are spread while a stream runs.</summary>
public enum BlockBalance
{
    /// <summary>They stay where they are.</summary>
    Off,

    /// <summary>Continuously, by what the ranks measure.</summary>
    Continuous,

    /// <summary>Once, after a warm-up of 2 * (ranks + steps) ticks, by the published rule; for comparison.</summary>
    Published,
}

/// <summary>Gives the ranks' measurements to the block scheduler and has the ring carry its decisions out.</summary>
/// <param name="balance">Which rule.</param>
/// <param name="options">Constants of the continuous rule.</param>
/// <param name="steps">Denoising steps, for the published rule's warm-up. Default 2.</param>
public sealed class RankBalancer(BlockBalance balance, BlockSchedulerOptions options, int steps = 2)
{
    private BlockSchedulerState _state = BlockSchedulerState.Empty;
    private int _epoch;
    private bool _publishedDone;

    /// <summary>What is known about the ranks.</summary>
    public BlockSchedulerState State => _state;

    /// <summary>Takes the measurements of one tick; given to <see cref="RankRing.Timed"/>.</summary>
    public void Measured(RankRing ring, IReadOnlyList<RankTiming> timings)
    {
        // While blocks move, times and ranges do not belong together.
        if (balance == BlockBalance.Off || ring.IsMoving || timings.Count != ring.Ranges.Count)
            return;
        if (_epoch != ring.Epoch)
            (_epoch, _state) = (ring.Epoch, BlockSchedulerState.Empty);
        var loads = new RankLoad[timings.Count];
        for (var i = 0; i < loads.Length; i++)
            loads[i] = new RankLoad((timings[i].Other + timings[i].Receive) * 1e-9, timings[i].Blocks * 1e-9 / ring.Ranges[i].Count);
        _state = BlockScheduler.Measure(options, _state, loads);
    }

    /// <summary>Between ticks: moves blocks when it is worth it.</summary>
    public void Look(RankRing ring)
    {
        if (balance == BlockBalance.Off || ring.IsMoving || _epoch != ring.Epoch)
            return;
        var move = balance == BlockBalance.Continuous ? BlockScheduler.Decide(options, _state, ring.Ranges).Move : Published(ring);
        if (move is null || ring.Refuses(move))
            return;
        ring.Move(move);
        _state = _state.AfterMove();
    }

    private BlockRange[]? Published(RankRing ring)
    {
        if (_publishedDone || _state.Ticks < 2 * (ring.Ranges.Count + steps))
            return null;
        _publishedDone = true;
        var blockTimes = _state.Loads.Select((l, i) => l.PerBlock * ring.Ranges[i].Count).ToArray();
        var rankTimes = blockTimes.Select((t, i) => t + _state.Loads[i].Fixed).ToArray();
        var target = PublishedBlockSplit.Balance(ring.Ranges[^1].End, rankTimes, blockTimes, ring.Ranges);
        return BlockPlacement.StepTowards(ring.Ranges, target);
    }
}
