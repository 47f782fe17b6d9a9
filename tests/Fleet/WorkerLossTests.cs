using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;

namespace StreamDiff.Fleet.Tests;

/// <summary>Streams of real publishers, whose workers are lost or drained.</summary>
public sealed class WorkerLossTests
{
    [Fact]
    public async Task Stream_WhoseWorkerIsKilledOrEnds_GoesOnElsewhere_AndItsPublisherNoticesNothing()
    {
        await using var fleet = await TestFleet.Start();
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        var (_, publisher) = await fleet.Stream("show");
        await fleet.Comes("show", default);
        var first = await fleet.WorkerOf("show");

        fleet.Workers[first!].Kill();
        await fleet.Workers[first!].Ended();
        await fleet.Comes("show", RtmpRecorder.Now);
        var session = await fleet.Client.GetSession("show");
        Assert.Equal((SessionState.Running, 1L), (session.State, session.Moves));
        Assert.NotEqual(first, session.Worker);

        // One that is asked to end gives its streams away first.
        _ = await fleet.StartWorker();
        var told = fleet.Front.Lines.Count;
        var second = fleet.Workers[session.Worker!];
        second.Terminate();
        await second.Ended();
        Assert.Equal(143, second.ExitCode);
        await fleet.Comes("show", RtmpRecorder.Now);
        Assert.Equal("w3", await fleet.WorkerOf("show"));
        Assert.DoesNotContain(fleet.Front.Lines.Skip(told), l => l.Contains("lost", StringComparison.Ordinal));
        Assert.False(publisher.HasExited, publisher.Text);
        Assert.Empty(fleet.Recorder.Overlaps());
    }

    [Fact]
    public async Task Worker_ThatIsStopped_FindsWhenItGoesOnThatItMayWriteNoMore()
    {
        await using var fleet = await TestFleet.Start(lease: 3);
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        _ = await fleet.Stream("show");
        await fleet.Comes("show", default);
        var first = await fleet.WorkerOf("show");

        fleet.Workers[first!].Pause();
        await fleet.Until(async () => await fleet.WorkerOf("show") is { } now && now != first, "it has another worker");
        var since = RtmpRecorder.Now;
        await fleet.Comes("show", since);
        var before = fleet.Recorder.Of("show").First().Connection;
        fleet.Workers[first!].Continue();
        await fleet.Comes("show", RtmpRecorder.Now, pictures: 20);

        Assert.DoesNotContain(fleet.Recorder.Of("show"), p => p.Connection == before && p.At > since);
        Assert.Empty(fleet.Recorder.Overlaps());
        // It is one of the fleet again, without what it had.
        await fleet.Until(
            () => Task.FromResult(fleet.Workers[first!].Lines.Any(l => l.Contains("session show: ended", StringComparison.Ordinal))),
            "it has let go of the stream");
    }
}
