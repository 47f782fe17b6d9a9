using System.Collections.Immutable;

namespace StreamDiff.Scheduling.Placement;

/// <summary>When the block scheduler moves blocks.</summary>
public sealed record BlockSchedulerOptions
{
    /// <summary>
    /// Ticks that are measured before the first decision and after each move: the first ones are slower than what follows. Default 6.
    /// </summary>
    public int WarmUpTicks { get; init; } = 6;

    /// <summary>Share of the slowest rank's time that a move must save. Below it measurements are noise. Default 0.04.</summary>
    public double Hysteresis { get; init; } = 0.04;

    /// <summary>Weight of a new measurement. Default 0.25: a changed load is believed after a few ticks.</summary>
    public double Smoothing { get; init; } = 0.25;

    /// <summary>A saving must exceed this many times what the ranks' times scatter by. Default 1.</summary>
    public double ScatterMargin { get; init; } = 1;

    /// <summary>A saving of this share is taken at once, however often blocks have moved. Default 0.25.</summary>
    public double Urgent { get; init; } = 0.25;

    /// <summary>
    /// Moves after which the scheduler becomes slower: each further one doubles the ticks to the next, up to 32 times the warm-up. Default
    /// 4.
    /// </summary>
    public int QuickMoves { get; init; } = 4;

    /// <summary>Seconds that the stream loses for each block that moves. Default 0.02.</summary>
    public double SecondsPerMovedBlock { get; init; } = 0.02;

    /// <summary>Ticks in which a move must have paid for itself. Default 300.</summary>
    public int HorizonTicks { get; init; } = 300;
}

/// <summary>What the block scheduler knows; a value, made anew with each measurement.</summary>
/// <param name="Ticks">Ticks measured since the last move.</param>
/// <param name="Loads">Smoothed; empty before the first measurement.</param>
/// <param name="Scatter">Mean distance of a rank's time per block from its mean, as a share of it, smoothed.</param>
/// <param name="Moves">Moves so far.</param>
public sealed record BlockSchedulerState(int Ticks, ImmutableArray<RankLoad> Loads, double Scatter, int Moves)
{
    public static BlockSchedulerState Empty { get; } = new(0, [], 0, 0);

    /// <summary>After a move: what was learnt about the ranks stays, the warm-up begins again.</summary>
    public BlockSchedulerState AfterMove() => this with { Ticks = 0, Moves = Moves + 1 };
}

/// <summary>What to do about the blocks.</summary>
/// <param name="Move">The spread to move to; null to leave all where they are.</param>
/// <param name="Saved">Share of the slowest rank's time that the best spread would save.</param>
public readonly record struct BlockDecision(BlockRange[]? Move, double Saved);

/// <summary>
/// Spreads blocks over ranks continuously, by what each rank was measured to need. Minimises the time of the slowest rank, which is what a
/// ring's throughput hangs on; a move must save more than measurements scatter and pay for itself in reasonable time.
/// </summary>
public static class BlockScheduler
{
    /// <summary>Takes one tick's measurements in.</summary>
    /// <param name="options">Constants.</param>
    /// <param name="state">What is known.</param>
    /// <param name="measured">Each rank in this tick.</param>
    public static BlockSchedulerState Measure(BlockSchedulerOptions options, BlockSchedulerState state, IReadOnlyList<RankLoad> measured)
    {
        if (state.Loads.Length != measured.Count)
            return BlockSchedulerState.Empty with { Ticks = 1, Loads = [.. measured] };
        var loads = new RankLoad[measured.Count];
        var off = 0.0;
        for (var rank = 0; rank < loads.Length; rank++)
        {
            var known = state.Loads[rank];
            loads[rank] = new RankLoad(Mix(known.Fixed, measured[rank].Fixed), Mix(known.PerBlock, measured[rank].PerBlock));
            if (known.PerBlock > 0)
                off += Math.Abs(measured[rank].PerBlock - known.PerBlock) / known.PerBlock / loads.Length;
        }
        return state with { Ticks = state.Ticks + 1, Loads = [.. loads], Scatter = Mix(state.Scatter, off) };

        double Mix(double old, double now) => old + options.Smoothing * (now - old);
    }

    /// <summary>Whether to move blocks now, and where to.</summary>
    /// <param name="options">Constants.</param>
    /// <param name="state">What is known.</param>
    /// <param name="current">Where the blocks are.</param>
    public static BlockDecision Decide(BlockSchedulerOptions options, BlockSchedulerState state, IReadOnlyList<BlockRange> current)
    {
        if (state.Ticks < options.WarmUpTicks || state.Loads.Length != current.Count)
            return default;
        var best = BlockPlacement.Best(current[^1].End, state.Loads);
        var (now, then) = (BlockPlacement.Slowest(current, state.Loads), BlockPlacement.Slowest(best, state.Loads));
        var saved = now > 0 ? (now - then) / now : 0;
        var cost = BlockPlacement.Moved(current, best) * options.SecondsPerMovedBlock;
        if (saved < options.Hysteresis + options.ScatterMargin * Blurred(options, state) || (now - then) * options.HorizonTicks < cost)
            return new BlockDecision(null, saved);
        if (saved < options.Urgent && state.Ticks < Patience(options, state))
            return new BlockDecision(null, saved);
        return new BlockDecision(BlockPlacement.StepTowards(current, best), saved);
    }

    // Smoothed values scatter less than single ones.
    private static double Blurred(BlockSchedulerOptions options, BlockSchedulerState state) =>
        state.Scatter * Math.Sqrt(options.Smoothing / (2 - options.Smoothing));

    private static double Patience(BlockSchedulerOptions options, BlockSchedulerState state) =>
        options.WarmUpTicks * Math.Pow(2, Math.Clamp(state.Moves - options.QuickMoves, 0, 5));
}
