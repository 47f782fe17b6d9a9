using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Live;

/// <summary>A source's times on our clock, and frames that come in bursts.</summary>
public sealed class SourceTimeTests
{
    private static readonly TimeSpan Most = Seconds(1);

    [Fact]
    public void SourceClock_JitteringPackets_AreTakenAtEvenTimes()
    {
        var clock = new SourceClock();
        var random = new Random(2);
        var times = Enumerable.Range(0, 600).Select(i => clock.Frame(Seconds(i / 30.0), Seconds(5 + i / 30.0 + random.Next(40) / 1000.0)))
            .Skip(150).ToArray();
        Assert.All(times.Zip(times.Skip(1)), pair => Assert.InRange((pair.Second - pair.First).TotalMilliseconds, 15, 52));
    }

    [Fact]
    public void SourceClock_DriftingSource_IsFollowedForHours()
    {
        var clock = new SourceClock();
        for (var i = 0; i < 3 * 3600 * 5; i++)
        {
            // A source that runs 100 millionths slow.
            var arrival = Seconds(i / 5.0 * 1.0001);
            Assert.InRange((arrival - clock.Frame(Seconds(i / 5.0), arrival)).TotalMilliseconds, 0, 2);
        }
    }

    [Fact]
    public void SourceClock_BurstAfterAStall_CountsAsTakenWhenItCame()
    {
        var clock = new SourceClock();
        _ = clock.Frame(Seconds(0), Seconds(10));
        Assert.Equal(Seconds(13), clock.Frame(Seconds(1), Seconds(13)));
    }

    [Fact]
    public void SourceClock_SourceStoodStillAndDoesNotCatchUp_SoundIsBesideItsPicturesAgainWithinTwoSeconds()
    {
        var clock = new SourceClock();
        for (var i = 0; i < 300; i++)
            _ = clock.Frame(Seconds(i / 30.0), Seconds(i / 30.0));
        for (var i = 300; i < 400; i++)
        {
            // 0.9 seconds later from now on.
            var arrival = Seconds(i / 30.0 + 0.9);
            Assert.Equal(arrival, clock.Frame(Seconds(i / 30.0), arrival));
            if (i > 360)
                Assert.Equal(arrival, clock.Sound(Seconds(i / 30.0)));
        }
    }

    [Fact]
    public void SourceClock_WhateverComes_FramesAreTakenInOrderAndBeforeTheyCome()
    {
        var clock = new SourceClock();
        var random = new Random(4);
        var (arrival, last) = (TimeSpan.Zero, TimeSpan.MinValue);
        for (var i = 0; i < 3000; i++)
        {
            arrival += Seconds(random.Next(30) == 0 ? random.NextDouble() : 0.01);
            var taken = clock.Frame(Seconds(i / 30.0), arrival);
            Assert.InRange(taken, last, arrival);
            last = taken;
        }
    }

    [Theory]
    [InlineData(0.3, 240, 330)]
    [InlineData(0.4, 340, 430)]
    [InlineData(0.8, 740, 830)]
    [InlineData(3, 1000, 1000)]
    public void JitterEstimate_Bursts_AreHeldAsLongAsTheyNeed(double burst, double least, double most)
    {
        var estimate = new JitterEstimate(Most);
        Feed(estimate, 0, 20, i => Math.Ceiling(i / 30.0 / burst) * burst);
        Assert.InRange(estimate.Hold.TotalMilliseconds, least, most);
    }

    [Fact]
    public void JitterEstimate_BurstsThatEnd_AreForgotten()
    {
        var estimate = new JitterEstimate(Most);
        Feed(estimate, 0, 20, i => Math.Ceiling(i / 30.0 / 0.4) * 0.4);
        Feed(estimate, 20, 45, i => i / 30.0);
        Assert.Equal(TimeSpan.Zero, estimate.Hold);
    }

    [Fact]
    public void JitterEstimate_SteadySource_IsNotHeld()
    {
        var (estimate, random) = (new JitterEstimate(Most), new Random(3));
        Feed(estimate, 0, 60, i =>
        {
            Assert.Equal(TimeSpan.Zero, estimate.Hold);
            // With hiccups of a busy machine.
            return i / 30.0 + random.Next(20) / 1000.0 + (i % 60 == 0 ? 0.2 : 0);
        });
    }

    [Fact]
    public void JitterEstimate_SourceThatStandsStillOnce_IsNotHeld()
    {
        var estimate = new JitterEstimate(Most);
        Feed(estimate, 0, 30, i =>
        {
            Assert.Equal(TimeSpan.Zero, estimate.Hold);
            return Math.Max(i / 30.0, i is >= 300 and < 330 ? 10.9 : 0);
        });
    }

    [Fact]
    public void JitterEstimate_NothingMayBeHeld_HoldsNothing()
    {
        var estimate = new JitterEstimate(TimeSpan.Zero);
        Feed(estimate, 0, 20, i => Math.Ceiling(i / 30.0 / 0.4) * 0.4);
        Assert.Equal(TimeSpan.Zero, estimate.Hold);
    }

    [Fact]
    public void JitterBuffer_Bursts_AreGivenInOrderAndNoneIsLost()
    {
        using var pool = new FramePool();
        var clock = new LiveClock(TimeProvider.System);
        var given = new List<long>();
        using (var buffer = new JitterBuffer(clock, Most, (frame, _) =>
        {
            given.Add(frame.Index);
            frame.Dispose();
        }))
        {
            var (times, isHeld, begin) = (new SourceClock(() => buffer.Hold), false, clock.Now);
            for (var i = 0; i < 90; i++)
            {
                // Where the machine sleeps for longer, the bursts are no further apart for that.
                var now = begin + Seconds(0.3 * (1 + i / 9));
                if (now - clock.Now is var early && early > TimeSpan.Zero)
                    Thread.Sleep(early);
                var frame = VideoFrame.Rent(pool, 2, 2);
                frame.Index = i;
                buffer.Add(frame, times.Frame(Seconds(i / 30.0), now), times.Lateness);
                isHeld |= buffer.Hold > TimeSpan.Zero;
            }
            buffer.Drain(CancellationToken.None);
            Assert.True(isHeld);
        }
        Assert.Equal(Enumerable.Range(0, 90).Select(i => (long)i), given);
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void JitterBuffer_ReceiverThatFails_FailsWhoeverBringsFrames()
    {
        using var pool = new FramePool();
        var clock = new LiveClock(TimeProvider.System);
        using var buffer = new JitterBuffer(clock, Most, (frame, _) =>
        {
            frame.Dispose();
            throw new InvalidOperationException("no");
        });
        Assert.Throws<InvalidOperationException>(() => buffer.Add(VideoFrame.Rent(pool, 2, 2), clock.Now, TimeSpan.Zero));
        Assert.Equal(0, pool.Outstanding);
    }

    // Thirty frames a second; arrivals in order, each with its lateness after the fastest.
    private static void Feed(JitterEstimate estimate, int from, int to, Func<int, double> arrival)
    {
        var clock = new SourceClock(() => estimate.Hold);
        var now = TimeSpan.Zero;
        for (var i = from * 30; i < to * 30; i++)
        {
            var next = Seconds(arrival(i));
            now = next > now ? next : now;
            _ = clock.Frame(Seconds(i / 30.0), now);
            estimate.Add(now, clock.Lateness);
        }
    }

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);
}
