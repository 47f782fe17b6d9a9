using CsCheck;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Simulation;

public sealed class SimulatorTests
{
    private static readonly SimulatedDevice Device = SimulatedDevice.H200Small;
    private static readonly SessionSlo Slo = new() { Deadline = TimeSpan.FromMilliseconds(500), TargetFps = 16 };

    // All but the one that sessions use.
    private static readonly string[] Fixed = [.. BatchPolicies.All.Select(p => p.Name).Where(n => n != "deadline")];

    public static TheoryData<string> Policies => [.. BatchPolicies.All.Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Policies))]
    public void Run_AnyPolicy_EveryPictureIsHandedOverOrDroppedOrLeftInAnUnfinishedChunk(string name) =>
        Gen.Select(Gen.Enum<LoadKind>(), Gen.Int[1, 6], Gen.Int).Sample(
            (kind, streams, seed) =>
            {
                var result = Run(name, Load.Make(kind, streams, 16, 20, seed));
                // Less than a group, and those that a policy which waits for the next chunk leaves behind.
                Assert.InRange(result.Arrived - result.Delivered - result.Dropped, 0, 5 * streams);
                Assert.InRange(result.Utilisation, 0, 1);
                Assert.True(result.Delivered == 0 || result.P50 <= result.P95 && result.P95 <= result.Max);
            },
            iter: 20);

    [Fact]
    public void Run_SameSeed_SameFigures()
    {
        var load = Load.Make(LoadKind.Bursty, 2, 16, 30, 7);
        Assert.Equal(Run("deadline", load), Run("deadline", load));
    }

    [Theory]
    [InlineData(LoadKind.Steady)]
    [InlineData(LoadKind.Bursty)]
    [InlineData(LoadKind.Ramp)]
    [InlineData(LoadKind.Stalls)]
    [InlineData(LoadKind.Busy)]
    public void Run_AnyLoad_DeadlinePolicyMissesNoMoreThanFixedOnes(LoadKind kind)
    {
        foreach (var streams in (int[])[1, 2, 3])
        {
            var load = Load.Make(kind, streams, 16, 300, 11);
            var ours = Run("deadline", load);
            foreach (var fixedPolicy in Fixed)
            {
                var other = Run(fixedPolicy, load);
                // Pictures that were held back too long on their way in are late whatever is done: equal up to a chunk or two.
                Assert.True(ours.MissRate <= other.MissRate + 0.003,
                    $"{streams} streams: {ours.MissRate:0.000} against {other.MissRate:0.000} of {fixedPolicy}");
            }
        }
    }

    [Fact]
    public void Run_Overload_SharesEvenlyAndStarvesNobody()
    {
        var result = Run("deadline", Load.Make(LoadKind.Steady, 12, 24, 60, 3));
        Assert.True(result.Dropped > 0);
        // The worst off has more than half of what all have in the mean.
        Assert.True(1 - result.WorstStream > (1 - result.MissRate) / 2, $"worst {result.WorstStream:0.00}, all {result.MissRate:0.00}");
    }

    [Fact]
    public void Record_PicturesOfAStream_ComeOutOnceInOrderAndNotBeforeTheyCame() =>
        Gen.Select(Gen.Enum<LoadKind>(), Gen.Int[1, 8], Gen.Int).Sample(
        (kind, streams, seed) =>
        {
            var load = Load.Make(kind, streams, 20, 20, seed);
            var model = new LatencyModel(Device.Terms);
            var run = Simulator.Record(
                Device, new DeadlineBatchPolicy(model), load, Slo, 2, new ModelledTicks(Device.Terms, 0.1, seed), model);
            for (var i = 0; i < streams; i++)
            {
                var pictures = run.Streams[i].Pictures;
                Assert.Equal(load.Arrivals[i].Count, run.Streams[i].Arrived);
                Assert.Equal(pictures.Select(p => p.Taken).Order(), pictures.Select(p => p.Taken));
                Assert.Equal(pictures.Select(p => p.Given).Order(), pictures.Select(p => p.Given));
                Assert.All(pictures, p => Assert.True(p.Seconds >= Device.Encode + Device.Decode));
                Assert.Empty(pictures.Select(p => p.Taken).Except(load.Arrivals[i]));
                Assert.Equal(run.Streams[i].Late, pictures.Count(p => p.Seconds > Slo.Deadline.TotalSeconds));
            }
        },
        iter: 20);

    [Fact]
    public void RecordedTicks_ComeAgainInTheirOrder_AndUnknownShapesFollowTheModel()
    {
        var (one, two, other) = (new TickShape(1, 1, 240, 4), new TickShape(2, 1, 240, 4), new TickShape(1, 2, 240, 4));
        var terms = new LatencyTerms(0, 1e-4, 0, 0, 0);
        // Twice what the model says.
        var ticks = new RecordedTicks(terms, [new(one, 0.047), new(two, 0.096), new(one, 0.049)]);
        Assert.Equal([0.047, 0.049, 0.047, 0.096], new[] { one, one, one, two }.Select(ticks.Next));
        Assert.Equal(0.096, ticks.Next(other), 6);
    }

    [Fact]
    public void Fleet_ThousandStreams_AreSpreadEvenlyAndEachDeviceHasItsOwnChance()
    {
        Assert.Equal([3, 3, 2], Enumerable.Range(0, 3).Select(d => ManySimulations.StreamsOf(d, 3, 8)));
        var runs = new System.Collections.Concurrent.ConcurrentBag<(int Device, int Streams)>();
        var result = ManySimulations.Run(256, 1000, (device, streams) =>
        {
            runs.Add((device, streams));
            var model = new LatencyModel(Device.Terms);
            return Simulator.Record(Device, new DeadlineBatchPolicy(model), Load.Make(LoadKind.Bursty, streams, 16, 5, device), Slo, 2,
                new ModelledTicks(Device.Terms, 0.05, device), model);
        });
        Assert.Equal(256, runs.Select(r => r.Device).Distinct().Count());
        Assert.Equal(1000, runs.Sum(r => r.Streams));
        Assert.InRange(result.Arrived, 1000 * 70, 1000 * 81);
        Assert.InRange(result.FramesPerSecond, 0.7 * 1000 * 16, 1000 * 16);
    }

    [Fact]
    public void Run_OneCodingWorker_IsNeverFasterThanTwoEngines()
    {
        var load = Load.Make(LoadKind.Steady, 4, 20, 30, 3);
        SimulationResult With(int workers) =>
            Simulator.Run(Device with { Encode = 0.02, Decode = 0.02, CodingWorkers = workers }, new FixedSequential(), load, Slo, 2);
        Assert.True(With(1).P50 > With(0).P50);
        Assert.True(With(2).P50 <= With(1).P50);
    }

    [Fact]
    public void Run_ALongQueue_ThroughputIsWithinAFewPercentOfTheBestFixedMode()
    {
        var load = Load.Make(LoadKind.Steady, 4, 30, 60, 5);
        var best = Fixed.Max(p => Run(p, load).FramesPerSecond);
        Assert.True(Run("deadline", load).FramesPerSecond > 0.95 * best);
    }

    private static SimulationResult Run(string name, Load load)
    {
        var model = new LatencyModel(Device.Terms);
        var policy = BatchPolicies.All.Single(p => p.Name == name).Make(model);
        return Simulator.Run(Device, policy, load, Slo, steps: 2, model, jitter: 0.05);
    }
}
