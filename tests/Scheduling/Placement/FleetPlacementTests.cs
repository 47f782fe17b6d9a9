using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Scheduling.Slo;
using Xunit;

namespace StreamDiff.Scheduling.Tests.Placement;

public sealed class FleetPlacementTests
{
    private static readonly StreamDemand Passed = new(null, null);

    [Fact]
    public void Place_StreamsThatNeedNoModel_FillWorkersEvenlyAndNoFurther()
    {
        FleetWorker[] workers = [.. Enumerable.Range(0, 4).Select(i => Plain($"w{i}", 3))];
        for (var i = 0; i < 12; i++)
            Put(workers, Passed);

        Assert.All(workers, w => Assert.Equal(3, w.Streams.Count));
        var verdict = FleetPlacement.Place(workers, Passed);
        Assert.Null(verdict.Worker);
        Assert.Contains("none of 4 workers has room", verdict.Reason, StringComparison.Ordinal);
        Assert.Contains("it fits where the load is 67 %", verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Place_WithMeasuredWorkers_AdmitsExactlyWhatAHostWould()
    {
        FleetWorker[] workers = [Measured("quick", 1), Measured("slow", 4)];
        var stream = Restyled(4);
        var slow = 0;
        while (FleetPlacement.Place(workers, stream).Worker is { } name)
        {
            Put(workers, stream);
            slow += name == "slow" ? 1 : 0;
        }

        foreach (var worker in workers)
        {
            var admission = new AdmissionControl(
                new LatencyModel(new LatencyTerms(0.01 * (worker.Name == "slow" ? 4 : 1), 0, 0, 0, 0)), 16);
            var demands = worker.Streams.Select(s => s.Demand!).ToArray();
            Assert.True(admission.Ask(demands[1..], demands[0]).Admitted);
            Assert.False(admission.Ask(demands, stream.Demand!).Admitted);
        }
        Assert.True(slow < workers[0].Streams.Count);
        var verdict = FleetPlacement.Place(workers, stream);
        Assert.NotNull(verdict.FitsAt);
        Assert.Contains("fits", verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Place_DrainedWorkersAndOthersModels_AreLeftOut()
    {
        FleetWorker[] workers = [new("drained", Plain("", 9).Capacity, [], takesMore: false), Plain("plain", 9), Measured("tiny", 1)];

        Assert.Equal("plain", FleetPlacement.Place(workers, Passed).Worker);
        Assert.Equal("tiny", FleetPlacement.Place(workers, Restyled(1)).Worker);
        Assert.Contains("has the model", FleetPlacement.Place(workers, new StreamDemand("14b", null)).Reason, StringComparison.Ordinal);
        Assert.Equal("tiny", FleetPlacement.Place(workers, Passed, except: "plain").Worker);
        Assert.Equal("no worker is there that takes streams", FleetPlacement.Place([], Passed).Reason);
    }

    [Fact]
    public void Rebalance_MovesUntilItIsEven_AndNotForAndBack()
    {
        FleetWorker[] workers = [new("full", Plain("", 8).Capacity, [.. Enumerable.Repeat(Passed, 8)]), Plain("empty", 8)];
        var moves = 0;
        while (FleetPlacement.Rebalance(workers) is { } move)
        {
            Assert.True(++moves <= 4);
            workers = [.. workers.Select(w => w.Name == move.From
                ? new FleetWorker(w.Name, w.Capacity, [.. w.Streams.Skip(1)])
                : w.Name == move.To ? w.With(Passed) : w)];
        }
        Assert.InRange(moves, 3, 4);
    }

    private static FleetWorker Plain(string name, int most) => new(name, new WorkerCapacity(null, null, 1, 16, 16, 0, most), []);

    private static FleetWorker Measured(string name, double correction) =>
        new(name, new WorkerCapacity("tiny", new LatencyTerms(0.01, 0, 0, 0, 0), correction, 1000, 16, 0, 1000), []);

    private static StreamDemand Restyled(int steps) =>
        new("tiny", new SessionDemand(new SessionSlo { Deadline = TimeSpan.FromSeconds(2), TargetFps = 16 }, steps, 100, 4, default));

    private static void Put(FleetWorker[] workers, StreamDemand stream)
    {
        var name = FleetPlacement.Place(workers, stream).Worker;
        var i = Array.FindIndex(workers, w => w.Name == name);
        workers[i] = workers[i].With(stream);
    }
}
