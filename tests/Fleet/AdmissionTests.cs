using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;

namespace StreamDiff.Fleet.Tests;

/// <summary>Who is let in, who waits, who is refused.</summary>
public sealed class AdmissionTests
{
    private const string Source = "test:testsrc2?size=64x64&rate=1&duration=0";

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Queue_TakesWhoFindsNoRoom_LetsThemInInTheirOrder_AndIsSeenInTheMetrics()
    {
        await using var fleet = await TestFleet.Start();
        _ = await fleet.StartWorker(streams: 1);
        _ = await fleet.Client.StartSession(TestFleet.Passed("first", Source));

        var refused = await Assert.ThrowsAsync<StudioException>(() => fleet.Client.StartSession(TestFleet.Passed("no", Source)));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.Status);
        Assert.Equal(
            "session no is not admitted: the only worker has no room w1: it has 1 streams, 1 are the most; it fits where the load is 0 %",
            refused.Message);
        Assert.Equal(("second", 1), Place(await Queued(fleet, "second")));
        Assert.Equal(("third", 2), Place(await Queued(fleet, "third")));
        // What an autoscaler needs.
        using (var http = new HttpClient { BaseAddress = fleet.Address })
            foreach (var (name, value) in ((string, int)[])[("workers", 1), ("streams_running", 1), ("streams_queued", 2), ("load", 1)])
                await fleet.Until(
                    async () => (await http.GetStringAsync("metrics")).Split('\n').Any(
                        l => l.StartsWith($"streamdiff_fleet_{name}", StringComparison.Ordinal)
                            && l.EndsWith($" {value}", StringComparison.Ordinal)),
                    $"the metric {name} is {value}");

        await fleet.Client.StopSession("first");
        await fleet.Until(async () => (await fleet.Client.GetSession("second")).State == SessionState.Running, "the second has begun");
        Assert.Equal(("third", 1), Place(await fleet.Client.GetSession("third")));
        _ = await fleet.StartWorker(streams: 1);
        await fleet.Until(async () => (await fleet.Client.GetSession("third")).State == SessionState.Running, "the third has begun");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public Task StartStorm_Small_LetsInNoMoreThanThereIsRoomFor() => Storm(40, TimeSpan.FromSeconds(1), workers: 2, room: 2);

    [Fact, Trait("Category", "Slow")]
    public async Task StartStorm_Large_LetsInNoMoreThanThereIsRoomFor()
    {
        var answers = await Storm(500, TimeSpan.FromSeconds(10), workers: 4, room: 3);
        FaultReport.Add(
            "start storm: 500 requests in 10 s, room for 12", "12 run, the others wait or are refused; times are those of the answers",
            answers);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Session_WithoutSourceAndViewers_GivesItsPlaceUp_AndIsBackWhenItsPublisherIs()
    {
        await using var fleet = await TestFleet.Start(20, "--suspend-after", "4");
        _ = await fleet.StartWorker(streams: 1);
        var port = TestFleet.FreePort();
        var idle = await fleet.Client.StartSession(TestFleet.Passed(
            "idle", $"rtmp://127.0.0.1:{port}/live/key?listen=1", $"rtmp://127.0.0.1:{fleet.Recorder.Port}/out/idle"));
        Assert.Equal("w1", idle.Worker);
        await fleet.Until(async () => (await fleet.Client.GetSession("idle")).State == SessionState.Suspended, "it is suspended");
        // Its place is somebody else's.
        _ = await fleet.Client.StartSession(TestFleet.Passed("other", Source));
        await fleet.Client.StopSession("other");

        _ = fleet.Publish($"rtmp://127.0.0.1:{port}/live/key");
        await fleet.Until(
            async () => await fleet.Client.GetSession("idle")
                is { State: SessionState.Running, Status: { Source: "open", FramesOut: > 5 } },
            "it runs again");
    }

    // Half of them would wait. What each answer took.
    private static async Task<TimeSpan[]> Storm(int requests, TimeSpan within, int workers, int room)
    {
        await using var fleet = await TestFleet.Start();
        for (var i = 0; i < workers; i++)
            _ = await fleet.StartWorker(streams: room);
        using var http = new HttpClient { BaseAddress = fleet.Address };
        // What a program does for the first time it does slowly.
        _ = await fleet.Client.StartSession(TestFleet.Passed("warm", Source));
        for (var i = 0; i < 2; i++)
            await fleet.Client.StopSession("warm");
        var answers = await Task.WhenAll(Enumerable.Range(0, requests).Select(async i =>
        {
            await Task.Delay(within * i / requests);
            var begun = Stopwatch.GetTimestamp();
            using var answer = await http.PostAsJsonAsync(
                $"api/v1/sessions?queue={(i % 2 == 0 ? "true" : "false")}",
                new { name = $"s{i}", input = Source, model = "passthrough", size = "64x64", fps = "1" });
            return (answer.StatusCode, Body: await answer.Content.ReadAsStringAsync(), Took: Stopwatch.GetElapsedTime(begun));
        }));
        var all = workers * room;
        Assert.All(answers, a => Assert.True(
            a.StatusCode == HttpStatusCode.Created
            || (a.StatusCode == HttpStatusCode.ServiceUnavailable && a.Body.Contains("has room", StringComparison.Ordinal)), a.Body));
        await fleet.Until(
            async () => (await fleet.Client.GetSessions()).Count(s => s.State == SessionState.Running) == all, "the places are taken");
        var sessions = await fleet.Client.GetSessions();
        Assert.Equal(all, sessions.Count(s => s.State is SessionState.Running or SessionState.Opening));
        Assert.All(sessions.GroupBy(s => s.Worker).Where(g => g.Key is not null), g => Assert.Equal(room, g.Count()));
        var created = answers.Count(a => a.StatusCode == HttpStatusCode.Created);
        Assert.Equal(created - all, sessions.Count(s => s.State == SessionState.Queued));
        Assert.Equal(created, sessions.Count);
        return [.. answers.Select(a => a.Took)];
    }

    private static async Task<SessionInfo> Queued(TestFleet fleet, string name)
    {
        using var http = new HttpClient { BaseAddress = fleet.Address };
        using var answer = await http.PostAsJsonAsync(
            "api/v1/sessions?queue=true", TestFleet.Passed(name, Source), StudioJson.Strict);
        Assert.Equal(HttpStatusCode.Created, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<SessionInfo>(StudioJson.Strict))!;
    }

    private static (string, int?) Place(SessionInfo session) => (session.Name, session.Queue?.Position);
}
