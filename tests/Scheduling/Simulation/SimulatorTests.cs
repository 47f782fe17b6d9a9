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

    [Theory]
    [InlineData("deadline")]
    [InlineData("stream-batch")]
    [InlineData("sequential")]
    [InlineData("published")]
    public void Run_AnyPolicy_EveryPictureIsHandedOverOrDroppedOrLeftInAnUnfinishedChunk(string name) =>
        Gen.Select(Gen.Enum<LoadKind>(), Gen.Int[1, 6], Gen.Int).Sample(
            (kind, streams, seed) =>
            {
                var result = Run(name, Load.Make(kind, streams, 16, 20, seed));
                Assert.InRange(result.Arrived - result.Delivered - result.Dropped, 0, 3 * streams);
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
            foreach (var fixedPolicy in (string[])["stream-batch", "sequential", "published"])
            {
                var other = Run(fixedPolicy, load);
                // Pictures that were held back too long on their way in are late whatever is done: equal up to a chunk or two.
                Assert.True(ours.MissRate <= other.MissRate + 0.003, $"{streams} streams: {ours.MissRate:0.000} against {other.MissRate:0.000} of {fixedPolicy}");
            }
        }
    }

    [Fact]
    public void Run_Overload_SharesEvenlyAndStarvesNobody()
    {
        var result = Run("deadline", Load.Make(LoadKind.Steady, 12, 24, 60, 3));
        Assert.True(result.Dropped > 0);
        Assert.True(result.WorstStream < result.MissRate + 0.1, $"worst {result.WorstStream:0.00}, all {result.MissRate:0.00}");
    }

    [Fact]
    public void Run_ALongQueue_ThroughputIsWithinAFewPercentOfTheBestFixedMode()
    {
        var load = Load.Make(LoadKind.Steady, 4, 30, 60, 5);
        var best = new[] { "stream-batch", "sequential", "published" }.Max(p => Run(p, load).FramesPerSecond);
        Assert.True(Run("deadline", load).FramesPerSecond > 0.95 * best);
    }

    private static SimulationResult Run(string name, Load load)
    {
        var model = new LatencyModel(Device.Terms);
        IBatchPolicy policy = name switch { "deadline" => new DeadlineBatchPolicy(model), "stream-batch" => new FixedStreamBatch(), "sequential" => new FixedSequential(), _ => new PublishedSwitch() };
        return Simulator.Run(Device, policy, load, Slo, steps: 2, model, jitter: 0.05);
    }
}
