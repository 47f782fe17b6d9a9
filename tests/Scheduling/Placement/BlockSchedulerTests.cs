using CsCheck;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Scheduling.Tests.Placement;

public sealed class BlockSchedulerTests
{
    private static readonly BlockSchedulerOptions Options = new();

    private static readonly Gen<RankLoad[]> Loads =
        Gen.Select(Gen.Double[0, 0.05], Gen.Double[0.001, 0.01], (f, b) => new RankLoad(f, b)).Array[1, 4];

    [Fact]
    public void Best_AnyRanks_IsAsGoodAsExhaustiveSearch() =>
        Gen.Select(Loads, Gen.Int[4, 14]).Sample((loads, blocks) =>
        {
            var best = BlockPlacement.Best(blocks, loads);
            Check(best, blocks, loads.Length);
            Assert.Equal(Exhaustive(blocks, loads), BlockPlacement.Slowest(best, loads), 12);
        });

    [Fact]
    public void StepTowards_AnySpreads_KeepsABlockOnEveryRankAndArrives() =>
        Gen.Select(Gen.Int[2, 5], Gen.Int[6, 40], Gen.Int, Gen.Int).Sample((ranks, blocks, a, b) =>
        {
            var (current, target) = (Random(ranks, blocks, a), Random(ranks, blocks, b));
            for (var steps = 0; !current.SequenceEqual(target); steps++)
            {
                Assert.True(steps < blocks, "it never arrives");
                var next = BlockPlacement.StepTowards(current, target);
                Check(next, blocks, ranks);
                for (var rank = 0; rank < ranks; rank++)
                    Assert.True(
                        next[rank].Start < current[rank].End && next[rank].End > current[rank].Start, "a rank keeps none of its blocks");
                current = next;
            }
        });

    /// <summary>A rank half as fast as the others, the VAE on both ends, times that scatter by five per cent.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Decide_OneRankHalfAsFast_ComesNearTheBestWithinFiftyTicks(int slow)
    {
        var truth = Enumerable.Range(0, 3).Select(r => new RankLoad(r == 1 ? 0.001 : 0.02, r == slow ? 0.008 : 0.004)).ToArray();
        var ranges = Run(truth, 30, ticks: 50, scatter: 0.05, out _);
        Assert.InRange(BlockPlacement.Slowest(ranges, truth), 0, 1.1 * Exhaustive(30, truth));
    }

    [Fact]
    public void Decide_AnyLoads_ComesNearTheBestAndRests() =>
        Gen.Select(Loads.Where(l => l.Length > 1), Gen.Int[12, 40]).Sample((loads, blocks) =>
        {
            // Moves cost nothing here: with ticks of a few milliseconds the last blocks would never pay for themselves.
            var ranges = Run(loads, blocks, ticks: 400, scatter: 0.03, out var moves, options: Options with { SecondsPerMovedBlock = 0 });
            Assert.InRange(
                BlockPlacement.Slowest(ranges, loads), 0, 1.1 * BlockPlacement.Slowest(BlockPlacement.Best(blocks, loads), loads));
            // Times that scatter may look like a saving once more: about one run in five hundred has one late move.
            Assert.True(moves.Count(m => m >= 100) <= 2, $"blocks still move at ticks {string.Join(", ", moves)}");
        }, iter: 200);

    [Fact]
    public void Decide_TimesThatOnlyScatter_MovesNothing()
    {
        var truth = Enumerable.Repeat(new RankLoad(0.01, 0.004), 3).ToArray();
        Run(truth, 30, ticks: 500, scatter: 0.1, out var moves);
        Assert.Empty(moves);
    }

    [Fact]
    public void Decide_LoadChangesLater_Follows()
    {
        var before = Enumerable.Repeat(new RankLoad(0.01, 0.004), 3).ToArray();
        RankLoad[] after = [new(0.01, 0.009), new(0.01, 0.004), new(0.01, 0.004)];
        var ranges = Run(before, 30, ticks: 100, scatter: 0.03, out _);
        ranges = Run(after, 30, ticks: 50, scatter: 0.03, out _, ranges);
        Assert.InRange(BlockPlacement.Slowest(ranges, after), 0, 1.1 * Exhaustive(30, after));
    }

    [Fact]
    public void Decide_MoveThatCannotPayForItself_IsNotMade()
    {
        RankLoad[] loads = [new(0, 0.0050), new(0, 0.0046)];
        var dear = Options with { SecondsPerMovedBlock = 10 };
        var state = Enumerable.Range(0, 50).Aggregate(BlockSchedulerState.Empty, (s, _) => BlockScheduler.Measure(dear, s, loads));
        Assert.Null(BlockScheduler.Decide(dear, state, [new(0, 20), new(20, 30)]).Move);
        Assert.NotNull(BlockScheduler.Decide(Options, state, [new(0, 20), new(20, 30)]).Move);
    }

    private static BlockRange[] Run(RankLoad[] truth, int blocks, int ticks, double scatter, out List<int> moves, BlockRange[]? ranges =
        null, BlockSchedulerOptions? options = null)
    {
        options ??= Options;
        var random = new Random(7);
        ranges ??= BlockPlacement.Best(blocks, [.. truth.Select(_ => new RankLoad(0, 1))]);
        var state = BlockSchedulerState.Empty;
        moves = [];
        for (var tick = 0; tick < ticks; tick++)
        {
            state = BlockScheduler.Measure(
                options, state, [.. truth.Select(l => new RankLoad(l.Fixed, l.PerBlock * (1 + scatter * (2 * random.NextDouble() - 1))))]);
            if (BlockScheduler.Decide(options, state, ranges).Move is not { } move)
                continue;
            (ranges, state) = (move, state.AfterMove());
            moves.Add(tick);
        }
        return ranges;
    }

    private static void Check(BlockRange[] ranges, int blocks, int ranks)
    {
        Assert.Equal(ranks, ranges.Length);
        Assert.Equal((0, blocks), (ranges[0].Start, ranges[^1].End));
        Assert.All(ranges, r => Assert.True(r.Count >= 1));
        for (var rank = 1; rank < ranks; rank++)
            Assert.Equal(ranges[rank - 1].End, ranges[rank].Start);
    }

    private static BlockRange[] Random(int ranks, int blocks, int seed)
    {
        var cuts = Enumerable.Range(1, blocks - 1).ToArray();
        new Random(seed).Shuffle(cuts);
        int[] bounds = [0, .. cuts.Take(ranks - 1).Order(), blocks];
        return [.. Enumerable.Range(0, ranks).Select(r => new BlockRange(bounds[r], bounds[r + 1]))];
    }

    private static double Exhaustive(int blocks, ReadOnlySpan<RankLoad> loads)
    {
        if (loads.Length == 1)
            return loads[0].Time(blocks);
        var best = double.PositiveInfinity;
        for (var first = 1; first <= blocks - loads.Length + 1; first++)
            best = Math.Min(best, Math.Max(loads[0].Time(first), Exhaustive(blocks - first, loads[1..])));
        return best;
    }
}
