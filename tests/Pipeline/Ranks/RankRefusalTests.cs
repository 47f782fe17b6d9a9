using System.Collections.Concurrent;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>Ranks that cannot do what is asked of them: it costs whoever asked, and nobody else.</summary>
public sealed class RankRefusalTests
{
    private const int LargeWindow = 7;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly DenoiserOptions Small = ToyRing.Options(2);

    private static readonly DenoiserOptions Large = Small with
    {
        Geometry = new CacheGeometry(ToyRing.Rows * ToyRing.Columns, LargeWindow, 3, 0.2),
    };

    [Fact]
    public void Pool_ThatOneRankHasNoMemoryFor_IsRefused_AndTheOthersGoOn()
    {
        const int chunks = 16;
        var expected = ToyRing.OneRank(Small, chunks);
        var (ring, threads) = ToyRing.Local(3);
        using var inference = inference_mode();
        using (threads)
        using (ring)
        using (var runner = new RingTickRunner(ring))
        using (var ticks = new TickQueue(runner))
        using (var stream = new ToyStream(ticks, Small))
        {
            threads.Workers[1].BeforePool = NoMemory;
            for (var i = 1; i <= chunks; i++)
            {
                stream.Feed(i);
                if (i != 6)
                    continue;
                var refused = Assert.Throws<ModelException>(() => runner.CreatePool(Large, 2));
                Assert.Equal("rank local:1: a KV cache cannot be made on cpu: there is no memory", refused.Message);
                // Had a rank kept it, its caches would be among those that move.
                ring.Move([new(0, 3), new(3, 5), new(5, 6)]);
                Until(() => Pumped(ring).Ranges[0].End == 3);
            }
            Assert.InRange(ToyRing.Distance(expected, stream.Finish()), 0, 1e-5);
            Assert.Equal((0, 1), (ticks.Recoveries, ring.Epoch));
            threads.Workers[1].BeforePool = null;
            runner.CreatePool(Large, 2).Dispose();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void MemoryThatTheRankThatIsLeftHasNot_EndsItsStreamOnly(bool inTicks)
    {
        const int chunks = 20;
        using var inference = inference_mode();
        using var ring = new SocketRing(2);
        using var runner = new RingTickRunner(ring.Ring);
        using var ticks = new TickQueue(runner);
        using var small = new ToyStream(ticks, Small);
        using var large = new ToyStream(ticks, Large);
        ModelException? ended = null;
        for (var i = 1; i <= chunks; i++)
        {
            if (i == 6)
            {
                if (inTicks)
                    ring.Worker(0).BeforeTick = NoMemory;
                else
                    ring.Worker(0).BeforePool = NoMemory;
                ring.Kill(1);
            }
            small.Feed(i);
            try
            {
                if (ended is null)
                    large.Feed(i);
            }
            catch (ModelException e)
            {
                ended = e;
            }
        }
        Assert.Equal(chunks + 1, small.Finish().Length);
        Assert.StartsWith($"rank {ring.Addresses[0]}", ended?.Message, StringComparison.Ordinal);
        Assert.EndsWith("there is no memory", ended?.Message, StringComparison.Ordinal);
        Assert.Single(ring.Ring.Ranks);
    }

    [Fact]
    public void Rank_WhoseDeviceFailsEachTime_IsDoneWithout()
    {
        const int chunks = 12;
        var (ring, threads) = ToyRing.Local(2);
        using var inference = inference_mode();
        using (threads)
        using (ring)
        using (var runner = new RingTickRunner(ring))
        using (var ticks = new TickQueue(runner))
        using (var stream = new ToyStream(ticks, Small))
        {
            for (var i = 1; i <= chunks; i++)
            {
                if (i == 6)
                    threads.Workers[1].BeforeTick = BadMood;
                stream.Feed(i);
            }
            Assert.Equal(chunks + 1, stream.Finish().Length);
            Assert.Equal(["local:0"], ring.Ranks);
        }
    }

    [Fact]
    public void Ranks_WhoseDevicesAllFail_EndWhatNeedsThem_AndWorkWhenTheyDo()
    {
        var (ring, threads) = ToyRing.Local(2);
        using var inference = inference_mode();
        using (threads)
        using (ring)
        using (var runner = new RingTickRunner(ring))
        using (var ticks = new TickQueue(runner))
        using (var stream = new ToyStream(ticks, Small))
        {
            var chunk = 0;
            while (chunk < 6)
                stream.Feed(++chunk);
            foreach (var worker in threads.Workers)
                worker.BeforeTick = BadMood;
            var fault = Assert.Throws<ModelException>(() =>
            {
                while (chunk < 100)
                    stream.Feed(++chunk);
            });
            Assert.Equal("given up after 5 attempts: rank local:1 failed: the device is in a bad mood", fault.Message);
            foreach (var worker in threads.Workers)
                worker.BeforeTick = null;
            Until(() => ring.HasReturned);
            for (var i = 0; i < 6; i++)
                stream.Feed(++chunk);
            Assert.Equal(chunk + 1, stream.Finish().Length);
        }
    }

    [Fact]
    public void Rank_ThatCannotLoad_IsAskedAgain_AndTheRingIsLeftAlone()
    {
        var disk = new Disk();
        using var inference = inference_mode();
        using var ring = new SocketRing(2);
        using var runner = new RingTickRunner(ring.Ring);
        using var ticks = new TickQueue(runner);
        using var stream = new ToyStream(ticks, Small);
        var chunk = 0;
        Feed(6);
        ring.Kill(1);
        Feed(6);
        var epoch = ring.Ring.Epoch;
        disk.IsGone = true;
        ring.Restart(1, disk.Model);
        Until(() => disk.Refusals >= 2 || ring.Ring.HasReturned);
        Feed(6);
        Assert.Equal((epoch, 1), (ring.Ring.Epoch, ring.Ring.Ranges.Count));
        disk.IsGone = false;
        Until(() => ring.Ring.HasReturned);
        Feed(6);
        Assert.Equal(2, ring.Ring.Ranges.Count);
        Assert.Equal(chunk + 1, stream.Finish().Length);
        // One line for what became of it, however often it was asked.
        var rank = ring.Addresses[1];
        Assert.Equal(
            [$"without rank {rank}: it cannot load blocks 3 to 5 on cpu: the disk is gone", $"rank {rank} is back"],
            ring.Log.Where(l => l.StartsWith("without", StringComparison.Ordinal) || l.EndsWith("is back", StringComparison.Ordinal)));

        void Feed(int chunks)
        {
            for (var i = 0; i < chunks; i++)
                stream.Feed(++chunk);
        }
    }

    [Fact]
    public void Rank_OfAnotherDriver_IsLeftToIt_UntilItIsFree()
    {
        using var theirs = new SocketRing(2);
        using var own = new SocketRing(1, isFormed: false);
        var log = new ConcurrentQueue<string>();
        var epoch = theirs.Ring.Epoch;
        using var ring = SocketRing.Driver([own.Addresses[0], theirs.Addresses[1]], log);
        ring.Form();
        // Once with it and once without.
        Assert.Equal(2, ring.Epoch);
        Assert.Equal([own.Addresses[0]], ring.Ranks);
        Assert.InRange(ToyRing.Distance(ToyRing.OneRank(Small, 6), ToyRing.Ring(theirs.Ring, Small, 6)), 0, 1e-5);
        Assert.Equal(epoch, theirs.Ring.Epoch);
        theirs.Release();
        Until(() => ring.HasReturned);
        ring.Form();
        Assert.Equal(2, ring.Ranks.Count);
        Assert.Single(log, $"without rank {theirs.Addresses[1]}: it works for another driver");
    }

    [Fact]
    public void Neighbour_OfAnotherRing_ChangesNothing()
    {
        using var ring = new SocketRing(2);
        var epoch = ring.Ring.Epoch;
        using (var inbox = new LinkInbox())
        using (var link = ring.Call(1, inbox))
        {
            // Other drivers count from 1 as well.
            link.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Neighbour, Epoch = epoch, Tick = 5 }));
            link.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Invite, Detail = "{\"Start\":0,\"End\":3}" }));
            Assert.True(inbox.Take(Patience, out var answer));
            Assert.Equal("it works for another driver", answer.Message?.Header.Detail);
        }
        Assert.InRange(ToyRing.Distance(ToyRing.OneRank(Small, 6), ToyRing.Ring(ring.Ring, Small, 6)), 0, 1e-5);
        Assert.Equal(epoch, ring.Ring.Epoch);
    }

    [Fact]
    public void Move_ToARankThatCannotLoad_IsNotAskedForAgain_AndTheStreamGoesOn()
    {
        const int chunks = 16;
        var expected = ToyRing.OneRank(Small, chunks);
        var disk = new Disk();
        var log = new ConcurrentQueue<string>();
        var (ring, threads) = ToyRing.Local(2, model: disk.Model);
        var balancer = new RankBalancer(BlockBalance.Continuous, new BlockSchedulerOptions());
        using var inference = inference_mode();
        using (threads)
        using (ring)
        using (var runner = new RingTickRunner(ring))
        using (var ticks = new TickQueue(runner))
        using (var stream = new ToyStream(ticks, Small))
        {
            ring.Log = log.Enqueue;
            for (var i = 1; i <= chunks; i++)
            {
                stream.Feed(i);
                if (i == 4)
                {
                    disk.IsGone = true;
                    AskToMove();
                    Assert.True(ring.IsMoving);
                    Until(() => !Pumped(ring).IsMoving);
                    var refusals = disk.Refusals;
                    Assert.True(refusals > 0);
                    AskToMove();
                    Assert.Equal((false, refusals), (ring.IsMoving, disk.Refusals));
                }
                if (i == 8)
                {
                    disk.IsGone = false;
                    ring.Move([new(0, 4), new(4, 6)]);
                    Until(() => Pumped(ring).Ranges[0].End == 4);
                }
            }
            Assert.InRange(ToyRing.Distance(expected, stream.Finish()), 0, 1e-5);
            Assert.Equal((0, 1), (ticks.Recoveries, ring.Epoch));
            Assert.EndsWith("the disk is gone", Assert.Single(log, l => l.StartsWith("blocks stay", StringComparison.Ordinal)));
        }

        // Rank 1 is slow, as it were.
        void AskToMove()
        {
            for (var i = 0; i < new BlockSchedulerOptions().WarmUpTicks; i++)
                balancer.Measured(ring, [new RankTiming(0, 0, 0, 0, 30_000_000, 0, 0), new RankTiming(1, 0, 0, 0, 300_000_000, 0, 0)]);
            balancer.Look(ring);
        }
    }

    private static void BadMood(PoolOpening opening) => throw new InvalidOperationException("the device is in a bad mood");

    private static void NoMemory(PoolOpening opening)
    {
        if (opening.WindowFrames == LargeWindow)
            throw new InsufficientMemoryException("there is no memory");
    }

    private static RankRing Pumped(RankRing ring)
    {
        ring.Pump();
        return ring;
    }

    private static void Until(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, Patience));

    /// <summary>Where the weights come from; it may be gone.</summary>
    private sealed class Disk
    {
        private volatile bool _isGone;
        private int _refusals;

        public bool IsGone
        {
            set => _isGone = value;
        }

        public int Refusals => Volatile.Read(ref _refusals);

        public RankModel Model => ToyRing.Model with { Open = Open };

        private RandomWeightSource Open()
        {
            if (!_isGone)
                return new RandomWeightSource(3);
            Interlocked.Increment(ref _refusals);
            throw new ModelException("the disk is gone");
        }
    }
}
