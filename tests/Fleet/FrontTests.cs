using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using StreamDiff.Client;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Hosting;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Server.Events;
using StreamDiff.Server.Hosting;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>What a front says by itself, whatever becomes of workers.</summary>
public sealed class FrontTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Change_OfASessionThatWaits_IsRefusedWhereNoWorkerCouldBeginWithIt()
    {
        await using var front = await Front("tiny", new FleetTimes(TimeSpan.FromSeconds(0.5), TimeSpan.FromMinutes(5)));
        using var client = new StudioClient(front.Address);
        using var http = new HttpClient { BaseAddress = front.Address };
        foreach (var (name, model) in ((string, string)[])[("show", "tiny"), ("plain", "passthrough")])
        {
            using var answer = await http.PostAsJsonAsync(
                "api/v1/sessions?queue=true",
                new { name, model, input = "test:testsrc2?size=64x64&rate=2&duration=0", size = "64x64", fps = "2", window = 5 });
            Assert.True(answer.StatusCode == HttpStatusCode.Created, await answer.Content.ReadAsStringAsync());
        }
        Assert.Equal(SessionState.Queued, (await client.GetSession("show")).State);

        await Refused("show", new ControlRequest { Steps = 99 }, 422, "steps", "steps must be from 1 to 4, not 99");
        await Refused("show", new ControlRequest { Sinks = 5 }, 422, "sinks", "sinks (5) must be less than the window (5)");
        await Refused(
            "show", new ControlRequest { Prompt = "a mosaic", Commands = ["sinks 9"] }, 422, "commands",
            "sinks (9) must be less than the window (5)");
        await Refused(
            "plain", new ControlRequest { Prompt = "a mosaic" }, 409, "prompt",
            "passthrough has nothing to change: the session runs without a model");
        Assert.Equal(1, (await client.GetSession("show")).Version);
        Assert.Equal(2, (await client.ChangeSession("show", new ControlRequest { Steps = 2, Sinks = 4, NoiseScale = 0.3 })).Version);

        async Task Refused(string name, ControlRequest change, int status, string field, string text)
        {
            var refused = await Assert.ThrowsAsync<StudioException>(() => client.ChangeSession(name, change));
            Assert.Equal((status, new FieldProblem(text, field)), ((int)refused.Status, Assert.Single(refused.Problem!.Problems!)));
        }
    }

    [Fact]
    public async Task Stop_OfASessionWhoseWorkerStillCloses_SaysSo_AndSoDoesTheSession()
    {
        await using var front = await Front(
            "passthrough",
            new FleetTimes(TimeSpan.FromSeconds(0.5), TimeSpan.FromMinutes(5)) { Stop = TimeSpan.FromSeconds(0.3) });
        using var client = new StudioClient(front.Address);
        using var http = new HttpClient { BaseAddress = front.Address };
        // The front looks whether somebody is there.
        using var there = new TcpListener(IPAddress.Loopback, 0);
        there.Start();
        var worker = front.Grains.GetGrain<IWorkerGrain>("w1");
        _ = await worker.Beat(Beat(0));
        await TestFleet.Until(async () => (await front.Grains.GetGrain<IFleetGrain>(0).Workers()).Count == 1, "the worker is known", null);
        _ = await client.StartSession(TestFleet.Passed("show", "test:testsrc2?size=64x64&rate=1&duration=0"));
        var epoch = Assert.Single((await worker.Beat(Beat(0))).Streams).Epoch;
        var runs = new StreamReport("show", epoch, StreamPhase.Running, null, null);
        _ = await worker.Beat(Beat(0, runs));
        await TestFleet.Until(async () => (await client.GetSession("show")).State == SessionState.Running, "it runs", null);

        for (var i = 0; i < 2; i++)
        {
            using var answer = await http.DeleteAsync("api/v1/sessions/show");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(2), answer.Headers.RetryAfter?.Delta);
            Assert.Contains(
                "session show is being stopped, but worker w1 still closes its outputs", await answer.Content.ReadAsStringAsync(),
                StringComparison.Ordinal);
        }
        var stopping = await client.GetSession("show");
        Assert.Equal(
            (SessionState.Running, "it is being stopped: its outputs are not closed yet"), (stopping.State, stopping.Reason));
        // The worker has heard of it, and then closed it.
        var heard = await worker.Beat(Beat(0, runs));
        Assert.Empty(heard.Streams);
        _ = await worker.Beat(Beat(heard.Number));
        await TestFleet.Until(async () => (await client.GetSession("show")).State == SessionState.Ended, "it has ended", null);

        WorkerBeat Beat(long seen, params StreamReport[] streams) => new(
            "one", new Uri($"http://{there.LocalEndpoint}/"), new WorkerCapacity(null, null, 1, 0, 0, 0, 4), 0, false, seen, streams, []);
    }

    private Task<FleetServer> Front(string model, FleetTimes times) => FleetServer.Start(
        new RestyleOptions { Compute = new ComputeOptions { Model = model } },
        new FleetSettings
        {
            SiloPort = TestFleet.FreePort(),
            GatewayPort = TestFleet.FreePort(),
            Folder = _folder["kept"],
            Key = "key",
            Times = times,
        },
        new StudioSettings { Address = new IPEndPoint(IPAddress.Loopback, 0), Folder = _folder["studio"] }, 0,
        new EventFeed(TimeProvider.System), (_, _) => { });
}
