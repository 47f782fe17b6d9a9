using System.Diagnostics;
using System.Text.Json;
using StreamDiff.Fleet.Clustering;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Grains;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>What a worker is answered while parts of the fleet do not answer.</summary>
public sealed class HeartbeatTests
{
    [Fact]
    public async Task Heartbeat_WhileStreamsAndTheDirectoryHangOrFail_RenewsTheRightToAllOthers()
    {
        using var folder = new TempFolder();
        var (streams, fleet) = (Directory.CreateDirectory(folder["kept/streams"]), Directory.CreateDirectory(folder["kept/fleet"]));
        string[] hanging = [Path.Combine(streams.FullName, "hangs.json"), Path.Combine(fleet.FullName, "0.json")];
        using (var pipes = FleetProcess.Start(folder[[]], "mkfifo", hanging))
            await pipes.Ended();
        File.WriteAllText(Path.Combine(streams.FullName, "broken.json"), "{");
        var good = new Kept();
        good.Write(new StreamState
        {
            View = new StreamView
            {
                Spec = new StreamSpec("good", "", "{}", null, new StreamDemand(null, null), false, "", "", "", []),
                Phase = StreamPhase.Running,
                Version = 1,
                Created = DateTimeOffset.UnixEpoch,
                Lease = new StreamLease("w1", 1),
            },
            Epoch = 1,
        });
        File.WriteAllText(Path.Combine(streams.FullName, "good.json"), JsonSerializer.Serialize(good));
        var lease = TimeSpan.FromSeconds(8);
        await using var host = await FleetHost.StartFront(
            new FleetSettings
            {
                SiloPort = TestFleet.FreePort(),
                GatewayPort = TestFleet.FreePort(),
                Folder = folder["kept"],
                Key = "key",
                Times = new FleetTimes(TimeSpan.FromSeconds(0.5), lease),
            },
            (_, _) => { });
        try
        {
            var worker = host.Grains.GetGrain<IWorkerGrain>("w1");
            var beat = new WorkerBeat(
                "one", new Uri("http://127.0.0.1:1/"), new WorkerCapacity(null, null, 1, 0, 0, 0, 4), 0, false, 0,
                [.. ((string[])["good", "hangs", "broken"]).Select(n => new StreamReport(n, 1, StreamPhase.Running, null, null))], []);
            var started = Stopwatch.GetTimestamp();
            var quickest = TimeSpan.MaxValue;
            // Long before its right ends: a machine that is busy takes its time as well, but not always.
            for (var number = 0; number < 3 || quickest > lease / 2; number++)
            {
                Assert.True(number < 20, $"the quickest took {quickest}");
                var begun = Stopwatch.GetTimestamp();
                var reply = await worker.Beat(beat).WaitAsync(TestFleet.Patience);
                var took = Stopwatch.GetElapsedTime(begun);
                quickest = took < quickest ? took : quickest;
                Assert.Null(reply.Refusal);
                // The first time a stream may take longer than is waited for it: then it is among those of which nothing is known.
                if (number == 0 && reply.Unsure.Contains("good"))
                {
                    Assert.True(Stopwatch.GetElapsedTime(started) < TimeSpan.FromMinutes(2), "it never answers");
                    number--;
                    continue;
                }
                Assert.Equal([new Duty("good", 1, true)], reply.Streams);
                Assert.Equal(["broken", "hangs"], reply.Unsure.Order());
            }
        }
        finally
        {
            // Whoever waits for them is let go.
            foreach (var pipe in hanging)
                new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite).Dispose();
        }
    }
}
