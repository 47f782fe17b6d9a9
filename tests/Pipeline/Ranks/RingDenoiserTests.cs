using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

public sealed class RingDenoiserTests
{
    private const double Exact = 1e-5;

    public static TheoryData<int, int, bool> Shapes()
    {
        var data = new TheoryData<int, int, bool>();
        foreach (var ranks in (int[])[1, 2, 3, 4])
            foreach (var steps in (int[])[1, 2, 3, 4])
                data.Add(ranks, steps, false);
        data.Add(2, 2, true);
        data.Add(3, 4, true);
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Ring_AnyRanksAndSteps_GivesWhatOneRankGives(int ranks, int steps, bool onOneLane)
    {
        var options = ToyRing.Options(steps) with { OnOneLane = onOneLane };
        var expected = ToyRing.OneRank(options, 14);
        var (ring, threads) = ToyRing.Local(ranks);
        using (threads)
        using (ring)
            Assert.InRange(ToyRing.Distance(expected, ToyRing.Ring(ring, options, 14)), 0, Exact);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(KeyRotation.Published, 0.2, 3)]
    [InlineData(KeyRotation.Relative, 0.999, 2)]
    [InlineData(KeyRotation.Relative, -1, 5)]
    public void Ring_OtherPositionsSinksAndDepths_GivesWhatOneRankGives(KeyRotation rotation, double threshold, int depth)
    {
        var options = ToyRing.Options(3, rotation, threshold);
        var expected = ToyRing.OneRank(options, 60);
        var (ring, threads) = ToyRing.Local(2, depth);
        using (threads)
        using (ring)
            Assert.InRange(ToyRing.Distance(expected, ToyRing.Ring(ring, options, 60)), 0, Exact);
    }

    [Fact]
    public void Ring_PromptChange_TakesEffectAtTheSameChunkOnEveryRank()
    {
        var options = ToyRing.Options(3);
        var expected = ToyRing.OneRank(options, 16, promptChange: 7);
        var (ring, threads) = ToyRing.Local(3);
        using (threads)
        using (ring)
            Assert.InRange(ToyRing.Distance(expected, ToyRing.Ring(ring, options, 16, promptChange: 7)), 0, Exact);
    }

    [Fact]
    public void Ring_StreamsOfDifferentSteps_EachGetsWhatItWouldGetAlone()
    {
        const int chunks = 12;
        var (first, second) = (ToyRing.Options(2), ToyRing.Options(3, threshold: 0.999));
        var expected = new[] { ToyRing.OneRank(first, chunks, promptChange: 5), ToyRing.OneRank(second, chunks) };
        var (ring, threads) = ToyRing.Local(3);
        using var inference = inference_mode();
        using (threads)
        using (ring)
        using (var runner = new RingTickRunner(ring))
        using (var ticks = new TickQueue(runner))
        using (var one = new ToyStream(ticks, first, promptChange: 5))
        using (var other = new ToyStream(ticks, second))
        {
            for (var i = 1; i <= chunks; i++)
            {
                one.Feed(i);
                other.Feed(i);
                if (i == 6 && !ring.IsMoving)
                    ring.Move([new(0, 3), new(3, 5), new(5, 6)]);
            }
            Assert.InRange(ToyRing.Distance(expected[0], one.Finish()), 0, Exact);
            Assert.InRange(ToyRing.Distance(expected[1], other.Finish()), 0, Exact);
        }
    }

    [Theory]
    [InlineData(0.2, false)]
    [InlineData(0.999, false)]
    [InlineData(0.999, true)]
    public void Ring_BlocksMoveBothWays_ChangesNothing(double threshold, bool splitHeads)
    {
        var options = ToyRing.Options(2, threshold: threshold);
        var model = splitHeads ? ToyRing.Split : ToyRing.Model;
        var expected = ToyRing.OneRank(options, 80, promptChange: 33, of: model);
        var (ring, threads) = ToyRing.Local(3, model: model);
        BlockRange[][] spreads = [[new(0, 3), new(3, 5), new(5, 6)], [new(0, 1), new(1, 4), new(4, 6)], [new(0, 2), new(2, 3), new(3, 6)],
            [new(0, 2), new(2, 4), new(4, 6)]];
        using (threads)
        using (ring)
        {
            var moves = 0;
            var actual = ToyRing.Ring(ring, options, 80, promptChange: 33, beforeChunk: chunk =>
            {
                if (chunk > 3 && !ring.IsMoving)
                    ring.Move(spreads[moves++ % spreads.Length]);
            });
            Assert.True(moves >= 5, $"only {moves} moves happened");
            Assert.InRange(ToyRing.Distance(expected, actual), 0, Exact);
        }
    }

    // libtorch reads numbers and tensors by address: whatever managed object owns them must outlive the call, however busy the finalizer
    // is.
    [Fact]
    [Trait("Category", "Slow")]
    public void Ring_FinalizerBusy_GivesWhatOneRankGives()
    {
        using var done = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
                Thread.Sleep(1);
            }
        });
        collector.Start();
        try
        {
            for (var i = 0; i < 6; i++)
                Ring_AnyRanksAndSteps_GivesWhatOneRankGives(2, 2, onOneLane: i % 2 == 1);
        }
        finally
        {
            done.Cancel();
            collector.Join();
        }
    }
}
