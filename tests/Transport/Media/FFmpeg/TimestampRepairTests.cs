using CsCheck;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

public sealed class TimestampRepairTests
{
    private static readonly Rational Milliseconds = new(1, 1000);

    [Fact]
    public void Next_RisingTimes_KeepsThem()
    {
        var repair = Create();

        Assert.Equal([0L, 40, 90, 5000], Feed(repair, 0, 40, 90, 5000));
        Assert.Equal(0, repair.Repaired);
    }

    [Fact]
    public void Next_MissingTime_FollowsThePictureBefore()
    {
        var repair = Create();

        Assert.Equal([100L, 140, 180], Feed(repair, 100, null, null));
        Assert.Equal(2, repair.Repaired);
    }

    [Fact]
    public void Next_RepeatedOrSlightlyEarlier_MovesByOneTick() =>
        Assert.Equal([100L, 101, 102, 140], Feed(Create(), 100, 100, 90, 140));

    [Fact]
    public void Next_NewTimeline_ContinuesWithoutAGap()
    {
        var repair = Create();

        Assert.Equal([60_000L, 60_040, 60_080, 60_120], Feed(repair, 60_000, 60_040, 0, 40));
        Assert.Equal(60_080, repair.Offset);
    }

    [Fact]
    public void Next_LeapForward_IsClosedOnlyWhereTimesMayLeap()
    {
        Assert.Equal([0L, 40], Feed(new TimestampRepair(Milliseconds, 40, jumpsForward: true), 0, 95_000));
        Assert.Equal([0L, 95_000], Feed(Create(), 0, 95_000));
    }

    [Fact]
    public void Next_AnyTimes_AlwaysRises() =>
        Gen.Long[-1_000_000, 1_000_000].List[1, 60].Sample(times =>
        {
            var repaired = Feed(new TimestampRepair(Milliseconds, 40, jumpsForward: true), [.. times.Select(time => (long?)time)]);
            Assert.All(repaired.Zip(repaired.Skip(1)), pair => Assert.True(pair.First < pair.Second));
        });

    private static TimestampRepair Create() => new(Milliseconds, 40, jumpsForward: false);

    private static long[] Feed(TimestampRepair repair, params long?[] times) => times.Select(time => repair.Next(time, 40)).ToArray();
}
