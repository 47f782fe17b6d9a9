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
        // What comes out may be told of a moment later.
        await fleet.Until(
            async () => await fleet.Client.GetSession("show") is { State: SessionState.Running, Moves: 1 }, "it runs on another one");
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
    [Trait("Category", "Slow")]
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

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Viewer_WhoCalledAnOutput_StaysWhenTheWorkerIsKilled()
    {
        await using var fleet = await TestFleet.Start();
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        var (ingest, egress) = (TestFleet.FreePort(), TestFleet.FreePort());
        var session = await fleet.Client.StartSession(TestFleet.Passed(
            "show", $"rtmp://127.0.0.1:{ingest}/live/{{publishKey}}?listen=1", $"srt://127.0.0.1:{egress}?mode=listener", "null:"));
        _ = fleet.Publish($"rtmp://127.0.0.1:{ingest}/live/{session.PublishKey}");
        var seen = new FileInfo(fleet.Folder["seen.ts"]);
        var viewer = fleet.Watch($"srt://127.0.0.1:{egress}", seen.FullName);
        await Grows("the viewer sees it");
        var first = await fleet.WorkerOf("show");

        fleet.Workers[first!].Kill();
        await fleet.Until(async () => await fleet.WorkerOf("show") is { } now && now != first, "it has another worker");
        await Grows("the viewer sees it from there");

        Assert.False(viewer.HasExited, viewer.Text);

        async Task Grows(string what)
        {
            seen.Refresh();
            var before = seen.Exists ? seen.Length : 0;
            await fleet.Until(
                () =>
                {
                    seen.Refresh();
                    return Task.FromResult(seen.Exists && seen.Length > before + 20_000);
                },
                what);
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Session_ThatIsAskedForOnceMore_KeepsItsPublisher()
    {
        await using var fleet = await TestFleet.Start();
        _ = await fleet.StartWorker();
        var address = $"rtmp://127.0.0.1:{TestFleet.FreePort()}/live/{{publishKey}}?listen=1";
        var wanted = TestFleet.Passed("show", address, $"rtmp://127.0.0.1:{fleet.Recorder.Port}/out/show");
        var session = await fleet.Client.StartSession(wanted);
        var publisher = fleet.Publish(address.Replace("{publishKey}", session.PublishKey, StringComparison.Ordinal).Split('?')[0]);
        await fleet.Comes("show", default);

        var again = await fleet.Client.StartSession(wanted);
        var other = await Assert.ThrowsAsync<StudioException>(() => fleet.Client.StartSession(wanted with { Fps = "5" }));
        await fleet.Comes("show", RtmpRecorder.Now);

        Assert.Equal((session.PublishKey, 409), (again.PublishKey, (int)other.Status));
        Assert.False(publisher.HasExited, publisher.Text);
        _ = Assert.Single(fleet.Recorder.Of("show").Select(p => p.Connection).Distinct());
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Front_ThatIsBegunAnew_HasItsPublishersAgain()
    {
        await using var fleet = await TestFleet.Start();
        var worker = await fleet.StartWorker();
        var port = TestFleet.FreePort();
        var session = await fleet.Client.StartSession(TestFleet.Passed(
            "show", $"rtmp://127.0.0.1:{port}/live/{{publishKey}}?listen=1", $"rtmp://127.0.0.1:{fleet.Recorder.Port}/out/show"));
        _ = fleet.Publish($"rtmp://127.0.0.1:{port}/live/{session.PublishKey}");
        await fleet.Comes("show", default);

        // Its relay is at another port from now on, of which the stream's worker learns while the stream runs.
        fleet.Front.Kill();
        await fleet.Front.Ended();
        await fleet.StartFront();
        await fleet.Until(async () => (await fleet.Client.GetSessions()).Any(s => s.Name == "show"), "the front knows it");
        await fleet.Publishes($"rtmp://127.0.0.1:{port}/live/{session.PublishKey}", "show");

        Assert.False(worker.HasExited, worker.Text);
        Assert.Empty(fleet.Recorder.Overlaps());
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Front_ThatWasStoppedForLongerThanItsLease_LeavesOneWriter()
    {
        await using var fleet = await TestFleet.Start(lease: 3);
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        _ = await fleet.Stream("show");
        await fleet.Comes("show", default);

        fleet.Front.Pause();
        // The worker hears nothing and writes no more: the connection to its output is given back.
        await fleet.Until(
            () => Task.FromResult(
                fleet.Workers.Values.Any(w => w.Lines.Any(l => l.Contains("the right to write it", StringComparison.Ordinal)))),
            "it writes no more");
        fleet.Front.Continue();
        await fleet.Comes("show", RtmpRecorder.Now, pictures: 20);

        Assert.Empty(fleet.Recorder.Overlaps());
    }
}
