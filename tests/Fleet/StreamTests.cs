using System.Runtime.Versioning;
using System.Text.Json;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Grains;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>What a front keeps of streams, and for how long. The tests say what workers would.</summary>
public sealed class StreamTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Store_OfASingleFront_IsItsUsersAlone_AlsoWhatWasNot()
    {
        var old = new FileInfo(_folder.Write("kept/streams/old.json", JsonSerializer.Serialize(new Kept())));
        const UnixFileMode Read = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        const UnixFileMode Enter = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        old.UnixFileMode = Read | UnixFileMode.UserWrite;
        foreach (var way in (string[])[_folder["kept"], _folder["kept", "streams"]])
            new DirectoryInfo(way).UnixFileMode = Read | Enter | UnixFileMode.UserWrite;
        await using var host = await Front();
        old.Refresh();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, old.UnixFileMode);

        _ = await host.Grains.GetGrain<IStreamGrain>("show").Start(Spec("show"), queue: true);

        Assert.Contains("secret", File.ReadAllText(_folder["kept", "streams", "show.json"]), StringComparison.Ordinal);
        var all = new DirectoryInfo(_folder["kept"]);
        Assert.All(
            all.EnumerateFileSystemInfos("*", SearchOption.AllDirectories).Append(all),
            f => Assert.Equal(
                UnixFileMode.UserRead | UnixFileMode.UserWrite | (f is DirectoryInfo ? UnixFileMode.UserExecute : default),
                f.UnixFileMode));
    }

    [Fact]
    public async Task Streams_ThatAreOver_AreForgotten_AndOnesThatWereBegunAgainAreNot()
    {
        await using var host = await Front();
        var (fleet, again) = (host.Grains.GetGrain<IFleetGrain>(0), host.Grains.GetGrain<IStreamGrain>("again"));
        _ = await again.Start(Spec("again"), queue: true);
        _ = await again.Stop();
        var over = await again.Recall();
        _ = await again.Start(Spec("again"), queue: true);
        // The directory has heard of the end, and not yet of that.
        await fleet.Put(over!);

        for (var i = 0; i < 103; i++)
        {
            var stream = host.Grains.GetGrain<IStreamGrain>($"s{i}");
            _ = await stream.Start(Spec($"s{i}"), queue: true);
            _ = await stream.Stop();
        }
        await TestFleet.Until(async () => (await fleet.Streams()).Count(s => !s.IsAlive) == 100, "a hundred are known", null);
        Assert.Equal(StreamPhase.Queued, (await again.Recall())?.Phase);
        Assert.Contains(await fleet.Streams(), s => s is { Phase: StreamPhase.Queued, Spec.Name: "again" });
        Assert.Null(await host.Grains.GetGrain<IStreamGrain>("s0").Recall());
    }

    [Fact]
    public async Task Stream_BegunAgainWhileItsWorkerLetsGoOfAForgottenOneOfItsName_IsGivenToIt()
    {
        await using var host = await Front();
        var (fleet, worker) = (host.Grains.GetGrain<IFleetGrain>(0), host.Grains.GetGrain<IWorkerGrain>("w1"));
        var stream = host.Grains.GetGrain<IStreamGrain>("show");
        _ = await worker.Beat(Beat(0));
        await TestFleet.Until(async () => (await fleet.Workers()).Count == 1, "the worker is known", null);
        var first = (await stream.Start(Spec("show"), queue: false)).View!.Lease!.Epoch;
        Assert.Equal([new Duty("show", first, true)], (await worker.Beat(Beat(0))).Streams);
        var over = new StreamReport("show", first, StreamPhase.Ended, null, null);
        _ = await worker.Beat(Beat(0, over));
        await TestFleet.Until(async () => await stream.Recall() is { IsAlive: false }, "it is over", null);

        Assert.True(await stream.Stop());
        Assert.Null(await stream.Recall());
        var second = (await stream.Start(Spec("show"), queue: false)).View!.Lease!.Epoch;
        Assert.True(second > first);
        var reply = await worker.Beat(Beat(0, over));
        Assert.Equal([new Duty("show", second, true)], reply.Streams);
        // Neither that the former one is gone nor that another worker is has anything to do with it.
        await stream.Gone("w1", first);
        await stream.Lost("w2", second, "a test");
        Assert.Equal(new StreamLease("w1", second), (await stream.Recall())?.Lease);
    }

    // A machine that is busy must not be taken for a lost worker.
    private Task<FleetHost> Front() => FleetHost.StartFront(
        new FleetSettings
        {
            SiloPort = TestFleet.FreePort(),
            GatewayPort = TestFleet.FreePort(),
            Folder = _folder["kept"],
            Key = "key",
            Times = new FleetTimes(TimeSpan.FromSeconds(0.5), TimeSpan.FromMinutes(5)),
        },
        (_, _) => { });

    private static WorkerBeat Beat(long seen, params StreamReport[] streams) => new(
        "one", new Uri("http://127.0.0.1:1/"), new WorkerCapacity(null, null, 1, 0, 0, 0, 4), 0, false, seen, streams, []);

    private static StreamSpec Spec(string name) =>
        new(name, name, "{}", null, new StreamDemand(null, null), false, "secret", "secret", "", []);
}
