using StreamDiff.Scheduling.Simulation;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Scheduling.Tests.Statistics;

// The one definition of a quantile: nearest rank. Every report and meter must agree with it.
public sealed class DistributionTests
{
    [Theory]
    [InlineData(20, 0.5, 10)]
    [InlineData(20, 0.95, 19)]
    [InlineData(20, 0.951, 20)]
    [InlineData(100, 0.99, 99)]
    [InlineData(7, 0.5, 4)]
    [InlineData(5, 0, 1)]
    [InlineData(5, 1, 5)]
    [InlineData(1, 0.95, 1)]
    public void Quantile_OneToN_IsTheSmallestThatTheShareDoesNotExceed(int count, double share, int expected) =>
        Assert.Equal(expected, Distribution.Quantile<int>(Enumerable.Range(1, count).ToArray(), share));

    [Fact]
    public void Of_OneToAHundred_GivesTheRanksThemselves() =>
        Assert.Equal(
            new Distribution(100, 1, 50.5, 50, 95, 99, 100), Distribution.Of(Enumerable.Range(1, 100).Reverse().Select(i => (double)i)));

    [Fact]
    public void Of_FewSamples_GivesOnlyWhatWasMeasured()
    {
        Assert.Equal(new Distribution(2, 3, 5, 3, 7, 7, 7), Distribution.Of([7, 3]));
        Assert.Equal(0, Distribution.Of([]).Count);
    }

    [Fact]
    public void Median_OfAnEvenNumber_IsBetweenTheTwoInTheMiddle()
    {
        Assert.Equal(5, Distribution.Median([7, 3]));
        Assert.Equal(3, Distribution.Median([9, 3, 1]));
        Assert.Equal(0, Distribution.Median([]));
    }

    [Fact]
    public void Simulation_TwentyPictures_ReportsTheSameQuantiles()
    {
        var stream = new StreamOutcome(20, 0, 0, [.. Enumerable.Range(1, 20).Select(i => new SimulatedPicture(0, i))]);
        var result = SimulationResult.Of([new SimulationRun("deadline", LoadKind.Steady, 20, 1, 1, 1, [stream])]);
        Assert.Equal((10, 19, 20, 20), (result.P50, result.P95, result.P99, result.Max));
    }
}
