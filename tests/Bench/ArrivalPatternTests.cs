using StreamDiff.Bench.Load;

namespace StreamDiff.Bench.Tests;

public sealed class ArrivalPatternTests
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(30);

    public static TheoryData<LoadKind> Kinds() => [.. Enum.GetValues<LoadKind>()];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Times_SameSeed_AreTheSame(LoadKind kind)
    {
        var times = ArrivalPattern.Times(kind, 16, Duration, 3);
        Assert.Equal(times, ArrivalPattern.Times(kind, 16, Duration, 3));
        Assert.Equal(times.Order(), times);
        Assert.All(times, t => Assert.InRange(t, TimeSpan.Zero, Duration - TimeSpan.FromTicks(1)));
    }

    [Theory]
    [InlineData(LoadKind.Steady)]
    [InlineData(LoadKind.Bursty)]
    [InlineData(LoadKind.Ramp)]
    [InlineData(LoadKind.Cpu)]
    public void Times_AllButStalls_KeepTheMeanRate(LoadKind kind) =>
        Assert.InRange(ArrivalPattern.Times(kind, 16, Duration, 1).Count, 479, 480);

    [Fact]
    public void Times_Steady_AreAPeriodApart()
    {
        var times = ArrivalPattern.Times(LoadKind.Steady, 10, Duration, 1);
        Assert.All(times.Zip(times.Skip(1), (a, b) => b - a), gap => Assert.Equal(100, gap.TotalMilliseconds, 3));
    }

    [Fact]
    public void Times_Bursty_ComeInGroupsThatDifferBySeed()
    {
        var groups = ArrivalPattern.Times(LoadKind.Bursty, 16, Duration, 1).GroupBy(t => t).Select(g => g.Count()).ToList();
        Assert.Contains(groups, g => g >= 8);
        Assert.All(groups, g => Assert.InRange(g, 1, 12));
        Assert.NotEqual(ArrivalPattern.Times(LoadKind.Bursty, 16, Duration, 1), ArrivalPattern.Times(LoadKind.Bursty, 16, Duration, 2));
    }

    [Fact]
    public void Times_Ramp_EndThreeTimesAsDenseAsTheyBegin()
    {
        var times = ArrivalPattern.Times(LoadKind.Ramp, 20, Duration, 1);
        Assert.Equal(1 / 10.0, (times[1] - times[0]).TotalSeconds, 2);
        Assert.Equal(1 / 30.0, (times[^1] - times[^2]).TotalSeconds, 2);
    }

    [Fact]
    public void Times_Stalls_LeaveGapsAndAreSteadyBetween()
    {
        var times = ArrivalPattern.Times(LoadKind.Stalls, 20, Duration, 1);
        var gaps = times.Zip(times.Skip(1), (a, b) => b - a).ToList();
        Assert.InRange(gaps.Count(g => g > TimeSpan.FromSeconds(0.4)), 3, 10);
        Assert.All(gaps, g => Assert.True(g < TimeSpan.FromSeconds(1.7)));
        Assert.InRange(times.Count, 350, 560);
    }
}
