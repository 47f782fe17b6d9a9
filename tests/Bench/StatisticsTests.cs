using StreamDiff.Bench.Reports;
using StreamDiff.Bench.Statistics;

namespace StreamDiff.Bench.Tests;

public sealed class StatisticsTests
{
    [Fact]
    public void Trend_NoiseAroundALevel_IsFlat()
    {
        var random = new Random(5);
        var trend = Trend.Of(Hours(60), [.. Enumerable.Range(0, 60).Select(_ => 500 + 20 * random.NextDouble())]);
        Assert.Equal(TrendVerdict.Flat, trend.Judge(allowed: 5));
        Assert.InRange(trend.Z, -2.33, 2.33);
    }

    [Fact]
    public void Trend_SlowLeakUnderNoise_IsFound()
    {
        var random = new Random(5);
        var trend = Trend.Of(Hours(60), [.. Enumerable.Range(0, 60).Select(i => 500 + i + 20 * random.NextDouble())]);
        Assert.Equal(TrendVerdict.Growing, trend.Judge(allowed: 24));
        Assert.InRange(trend.SlopePerHour, 45, 75);
    }

    [Fact]
    public void Trend_OneOutlier_DecidesNothing() =>
        Assert.Equal(TrendVerdict.Flat, Trend.Of(Hours(20), [.. Enumerable.Range(0, 20).Select(i => i == 19 ? 9000.0 : 500)]).Judge(0));

    [Fact]
    public void Trend_OneTensorARound_IsNotFlat() =>
        Assert.Equal(TrendVerdict.Growing, Trend.Of(Hours(12), [.. Enumerable.Range(0, 12).Select(i => 300.0 + i)]).Judge(0));

    [Fact]
    public void Trend_FewWildSamples_AreUndecided() =>
        Assert.Equal(TrendVerdict.Undecided, Trend.Of(Hours(5), [500, 700, 400, 650, 800]).Judge(24));

    [Fact]
    public void Cumulative_EndsAtTheLargest()
    {
        var curve = Curves.Cumulative(Enumerable.Range(1, 1000).Select(i => (double)i));
        Assert.Equal(new Point(1000, 100), curve[^1]);
        Assert.Contains(new Point(990, 99), curve);
        Assert.Empty(Curves.Cumulative([]));
    }

    [Fact]
    public void Peaks_ManyPoints_KeepTheHighest()
    {
        var points = Enumerable.Range(0, 5000).Select(i => new Point(i, i == 1234 ? 99 : i % 7)).ToList();
        var kept = Curves.Peaks(points);
        Assert.InRange(kept.Count, 100, 240);
        Assert.Contains(new Point(1234, 99), kept);
    }

    private static double[] Hours(int count) => [.. Enumerable.Range(0, count).Select(i => i / 60.0)];
}
