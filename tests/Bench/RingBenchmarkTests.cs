using StreamDiff.Bench.Ranks;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;

namespace StreamDiff.Bench.Tests;

public sealed class RingBenchmarkTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public void DifferenceTo_TheSameTicks_IsNone_AnotherTick_IsSeen()
    {
        var options = new RingBenchmarkOptions
        {
            Model = new ModelCatalog().Find("tiny").WithRandomTransformer(),
            Ranks = RankList.Parse("cpu,cpu"),
            Size = (64, 64),
            Ticks = 10,
            WarmUp = 5,
        };
        var one = RingBenchmark.OneRank(options with { Ranks = RankList.Parse("cpu") });
        var ring = RingBenchmark.Ring(options);
        Assert.InRange(one.DifferenceTo(ring), 0, 1e-5);
        Assert.Equal(["in process"], ring.Carriers);
        Assert.InRange(one.DifferenceTo(RingBenchmark.Ring(options with { Ticks = 11 })), 1e-3, 10);
    }
}
