using System.Net;
using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;

namespace StreamDiff.Fleet.Tests;

/// <summary>Logs, recordings and replays of sessions, asked of the front and lying with workers.</summary>
public sealed class ReplayTests
{
    private const string Source = "test:testsrc2?size=64x64&rate=4&duration=";

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Replay_RunsWhereTheLogIs_OrWhereThereIsRoom_AndItsPicturesComeThroughTheFront()
    {
        await using var fleet = await TestFleet.Start(20, "--device", "cpu", "--model", "tiny");
        string[] tiny = ["--device", "cpu", "--size", "64x64", "--steps", "1", "--threads", "1", "--model", "tiny"];
        _ = await fleet.StartWorker(streams: 1, more: tiny);
        _ = await fleet.Client.StartSession(Session("take") with { Log = true });
        await fleet.Until(async () => (await fleet.Client.GetSession("take")).Status is { FramesOut: > 0 }, "it runs");
        var recording = await fleet.Client.StartRecording("take");
        await fleet.Until(
            async () => (await fleet.Client.GetSession("take")).Status is { FramesOut: > 12 }
                && (await fleet.Client.GetRecordings("take")).Any(r => r.Bytes > 1000),
            "it has a few chunks, and they are recorded");
        _ = await fleet.Client.StopRecording("take", recording.Id);
        await fleet.Client.StopSession("take");

        // Over, and all the same to be had.
        Assert.Equal(recording.Id, Assert.Single(await fleet.Client.GetRecordings("take")).Id);
        Assert.True(await LengthOf(fleet.Client.DownloadRecording("take", recording.Id)) > 1000);
        Assert.True(await LengthOf(fleet.Client.DownloadLog("take")) > 100);
        var none = await Assert.ThrowsAsync<StudioException>(() => fleet.Client.DownloadLog("other"));
        Assert.Equal((HttpStatusCode.NotFound, "there is no log of a session named other: begin it with \"log\": true"),
            (none.Status, none.Message));

        var first = await Done(fleet, await fleet.Client.StartReplay(Request));
        Assert.Equal(("w1", "done", true), (first.Worker, first.State, first.IsIdentical));
        Assert.True(await LengthOf(fleet.Client.DownloadReplay(first.Id)) > 1000);

        // Its worker is taken, a heartbeat later at most: another one copies the log.
        await fleet.Until(async () => await Begins(fleet, "one"), "another one begins");
        _ = await fleet.StartWorker(streams: 1, more: tiny);
        var second = await Done(fleet, await fleet.Client.StartReplay(Request));
        Assert.Equal(("w2", "done", true), (second.Worker, second.State, second.IsIdentical));
        Assert.Equal([first.Id, second.Id], (await fleet.Client.GetReplays()).Select(r => r.Id));

        // The place that it had is a session's again.
        await fleet.Until(async () => await Begins(fleet, "two"), "another one begins");
        var full = await Assert.ThrowsAsync<StudioException>(() => fleet.Client.StartReplay(Request));
        Assert.Equal(
            (HttpStatusCode.ServiceUnavailable, "the replay of session take is not admitted: "
                + "w1: it has 1 streams, 1 are the most; w2: it has 1 streams, 1 are the most"),
            (full.Status, full.Message));
        foreach (var id in (string[])["w1.77", "w7.1", "1"])
            Assert.Equal(HttpStatusCode.NotFound, (await Assert.ThrowsAsync<StudioException>(() => fleet.Client.GetReplay(id))).Status);
    }

    private static NewReplay Request => new() { Session = "take", Input = Source + "600" };

    private static NewSession Session(string name) => new()
    {
        Name = name,
        Input = Source + "0",
        Prompt = "a watercolor",
        Size = "64x64",
        Fps = "4",
        Steps = 1,
        DeadlineMs = 60_000,
    };

    private static async Task<ReplayInfo> Done(TestFleet fleet, ReplayInfo replay)
    {
        await fleet.Until(async () => (replay = await fleet.Client.GetReplay(replay.Id)).State != "running", "the replay is over");
        return replay;
    }

    private static async Task<bool> Begins(TestFleet fleet, string name)
    {
        try
        {
            _ = await fleet.Client.StartSession(Session(name));
            return true;
        }
        catch (StudioException e) when (e.Status == HttpStatusCode.ServiceUnavailable)
        {
            return false;
        }
    }

    private static async Task<long> LengthOf(Task<Stream> download)
    {
        await using var from = await download;
        using var all = new MemoryStream();
        await from.CopyToAsync(all);
        return all.Length;
    }
}
