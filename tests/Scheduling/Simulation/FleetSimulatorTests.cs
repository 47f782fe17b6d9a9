using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Scheduling.Simulation.Fleets;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Simulation;

public sealed class FleetSimulatorTests
{
    private static readonly SimulatedDevice Device = SimulatedDevice.H200Small;
    private static readonly SessionSlo Slo = new() { Deadline = TimeSpan.FromMilliseconds(600), TargetFps = 16, Ladder = [] };
    private static readonly FleetRequest Like = new(0, 0, Slo, 2, LoadKind.Steady);

    [Fact]
    public void Run_RoomForAll_NobodyWaitsAndOnlyTheOpeningIsMissing()
    {
        var result = FleetSimulator.Run(
            SimulatedFleet.Of(20, Device), FleetLoad.Make(ArrivalKind.Steady, 100, 200, 60, Like, 20, 0, 0, 0, seed: 3));
        Assert.Equal((100, 0, 0, 0), (result.Served, result.Queued, result.Refused, result.Interrupted));
        Assert.InRange(result.ChunksInTime, 0.99, 1);
        Assert.InRange(result.AllUserShare, 0.95, 1);
        Assert.InRange(result.AllUserFps, 0.9 * 16, 16);
        // A place is opened in half a second, and five pictures make the first group.
        Assert.InRange(result.FirstChunk.Minimum, 0.5 + 4 / 16.0, 2);
    }

    [Fact]
    public void Run_SameSeed_SameResult()
    {
        FleetResult Once() => FleetSimulator.Run(
            SimulatedFleet.Of(5, Device), FleetLoad.Make(ArrivalKind.Waves, 100, 100, 30, Like, 5, 2, 1, 20, seed: 5));
        Assert.Equal(Once(), Once());
    }

    [Fact]
    public void Run_StormOnRoomForTwelve_TwelveRunAndNoPromiseBreaks()
    {
        var fleet = SimulatedFleet.Of(3, Device);
        var room = 3 * Room(fleet);
        var load = new FleetLoad(
            ArrivalKind.Storm, 30, [.. Enumerable.Range(0, 500).Select(i => Like with { At = i / 50.0, Seconds = 120 })], []);
        var result = FleetSimulator.Run(fleet with { QueueLength = 100, Patience = 60 }, load);
        Assert.Equal(room, result.MostStreams);
        Assert.Equal(room, result.Served);
        Assert.Equal(100, result.MostQueued);
        Assert.Equal((100, 100), (result.Queued, result.GaveUp));
        Assert.Equal(500 - room - 100, result.Refused);
        Assert.InRange(result.ChunksInTime, 0.99, 1);
        Assert.InRange(result.AllUserShare, 0.95 * room / 500, (double)room / 500);
    }

    [Fact]
    public void Run_MoreThanThereIsRoomFor_WaitInTurnAndCountAsNothingMeanwhile()
    {
        var load = FleetLoad.Make(ArrivalKind.Steady, 200, 100, 60, Like, 5, 0, 0, 0, seed: 7);
        var result = FleetSimulator.Run(SimulatedFleet.Of(5, Device) with { Patience = 1000 }, load);
        Assert.True(result.Queued > 50);
        Assert.Equal(0, result.Refused);
        // One whose place came in its last second may have seen nothing.
        Assert.InRange(result.Served + result.GaveUp, 190, 200);
        Assert.True(result.Wait.Maximum > 10);
        Assert.InRange(result.ChunksInTime, 0.99, 1);
        Assert.InRange(result.AllUserShare, 0.1, 0.9);
    }

    [Fact]
    public void Run_WorkersThatDieWhereThereIsRoom_EveryStreamComesBackAfterNoticeAndOpening()
    {
        var fleet = SimulatedFleet.Of(10, Device) with { Notice = 2, Opening = 0.5 };
        // Long streams, so that none ends before it is back.
        var users = Enumerable.Range(0, 20).Select(i => Like with { At = i / 10.0, Seconds = 100 }).ToArray();
        var outages = Enumerable.Range(0, 5).Select(i => new WorkerOutage(10 + 10 * i, 30, i, IsDrained: false)).ToArray();
        var result = FleetSimulator.Run(fleet, new FleetLoad(ArrivalKind.Steady, 100, users, outages));
        Assert.True(result.Interrupted > 0);
        Assert.Equal((20, 0, 0), (result.Served, result.GaveUp, result.Refused));
        Assert.Equal(result.Interrupted, result.Recovery.Count);
        Assert.InRange(result.Recovery.Minimum, 2.5, 4);
        Assert.InRange(result.Recovery.Maximum, 2.5, 4);
    }

    [Fact]
    public void Run_WorkersThatAreDrainedOneByOne_StreamsMoveAndNoneIsInterrupted()
    {
        var users = Enumerable.Range(0, 20).Select(i => Like with { At = i / 10.0, Seconds = 400 }).ToArray();
        var outages = Enumerable.Range(0, 10).Select(i => new WorkerOutage(10 + 35 * i, 1, i, IsDrained: true)).ToArray();
        var result = FleetSimulator.Run(SimulatedFleet.Of(10, Device), new FleetLoad(ArrivalKind.Steady, 400, users, outages));
        Assert.True(result.Moved >= 20, $"{result.Moved} moves");
        Assert.Equal(0, result.Interrupted);
        Assert.InRange(result.ChunksInTime, 0.99, 1);
        Assert.InRange(result.AllUserShare, 0.98, 1);
    }

    [Fact]
    public void Run_DrainedWithoutRoomElsewhere_IsInterruptedAndGoesBeforeThoseWhoWait()
    {
        var fleet = SimulatedFleet.Of(1, Device) with { Grace = 5, Patience = 1000 };
        var room = Room(fleet);
        var users = Enumerable.Range(0, room + 1).Select(i => Like with { At = i, Seconds = 100 }).ToArray();
        var load = new FleetLoad(ArrivalKind.Steady, 100, users, [new WorkerOutage(20, 10, 0, IsDrained: true)]);
        var result = FleetSimulator.Run(fleet, load);
        Assert.Equal((room, 0), (result.Interrupted, result.Moved));
        Assert.Equal(room, result.Recovery.Count);
        // It gets its place when the first of the others ends, as without the drain.
        Assert.Equal((room + 1, 100 - room), (result.Served, (int)Math.Round(result.Wait.Maximum)));
    }

    [Fact]
    public void Run_WhatNoWorkerCouldDoAlone_IsRefusedAtOnce()
    {
        var load = FleetLoad.Make(
            ArrivalKind.Steady, 10, 10, 10, Like with { Slo = Slo with { Deadline = TimeSpan.FromMilliseconds(100) } }, 2, 0, 0, 0, 1);
        var result = FleetSimulator.Run(SimulatedFleet.Of(2, Device), load);
        Assert.Equal((10, 0, 0.0), (result.Refused, result.Served, result.AllUserFps));
    }

    [Theory]
    [InlineData(ArrivalKind.Steady)]
    [InlineData(ArrivalKind.Waves)]
    [InlineData(ArrivalKind.Storm)]
    public void Make_AnyKind_HasAsManyRequestsAsAskedForWithinItsTime(ArrivalKind kind)
    {
        var load = FleetLoad.Make(kind, 2000, 300, 40, Like, 7, 3, 2, 10, seed: 1);
        Assert.Equal(2000, load.Requests.Count);
        Assert.All(load.Requests, r => Assert.InRange(r.At, 0, 300));
        Assert.Equal(load.Requests.Select(r => r.At).Order(), load.Requests.Select(r => r.At));
        Assert.InRange(load.Requests.Average(r => r.Seconds), 36, 44);
        Assert.Equal((3, 2), (load.Outages.Count(o => !o.IsDrained), load.Outages.Count(o => o.IsDrained)));
        var middle = load.Requests.Count(r => r.At is >= 148 and <= 152);
        Assert.True(kind == ArrivalKind.Storm ? middle > 900 : middle < 200, $"{middle} in the middle");
    }

    // How many such streams the rule of placement lets on one worker.
    private static int Room(SimulatedFleet fleet)
    {
        var demand = new StreamDemand(fleet.Capacity.Model, new SessionDemand(
            Slo, 2, Device.FrameTokens, Device.CachedFrames, TimeSpan.FromSeconds(Device.Encode + Device.Decode)));
        var worker = new FleetWorker("one", fleet.Capacity, []);
        while (worker.Ask(demand).Worker is not null)
            worker = worker.With(demand);
        return worker.Streams.Count;
    }
}
