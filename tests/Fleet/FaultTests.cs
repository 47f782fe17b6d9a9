using StreamDiff.Client;
using StreamDiff.Fleet.Tests.Support;
using StreamDiff.Testing;

namespace StreamDiff.Fleet.Tests;

/// <summary>
/// Faults under real streams, one after the other: what scripts/fleet-faults prints. The times are told, not judged: a busy machine makes
/// them longer. The script has more streams and more kills. What is judged is that every stream comes back, that nothing is written twice,
/// and that no publisher notices.
/// </summary>
[Trait("Category", "Slow")]
public sealed class FaultTests
{
    private const double Lease = 2;
    // Where no worker is lost, and a busy machine must not be taken for that.
    private const double LongLease = 20;

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), out var number) ? number : usual;

    [Fact]
    public async Task KilledWorkers_OneAfterTheOther_EveryStreamIsBack()
    {
        var (streams, kills) = (Setting("FLEET_STREAMS", 4), Setting("FLEET_KILLS", 3));
        await using var fleet = await TestFleet.Start(Lease);
        for (var i = 0; i < 4; i++)
            _ = await fleet.StartWorker();
        var (names, publishers) = await Streams(fleet, streams);
        var back = new List<TimeSpan>();
        for (var kill = 0; kill < kills; kill++)
        {
            var victim = (await fleet.Client.GetSessions()).GroupBy(s => s.Worker!).MaxBy(g => g.Count())!;
            var killed = RtmpRecorder.Now;
            fleet.Workers[victim.Key].Kill();
            foreach (var session in victim)
                back.Add(await Back(fleet, session.Name, killed));
            _ = fleet.Workers.Remove(victim.Key);
            _ = await fleet.StartWorker();
        }
        await Whole(fleet, names, publishers);
        FaultReport.Add($"kill -9 of a worker, {kills} times, {streams} streams on 4 workers", "the picture stands still", [.. back]);
    }

    [Fact]
    public async Task RollingRestart_OfAllWorkers_InterruptsHardly()
    {
        var streams = Setting("FLEET_STREAMS", 4);
        await using var fleet = await TestFleet.Start(LongLease);
        for (var i = 0; i < 4; i++)
            _ = await fleet.StartWorker();
        var (names, publishers) = await Streams(fleet, streams);
        var begun = RtmpRecorder.Now;
        foreach (var name in fleet.Workers.Keys.ToList())
        {
            _ = await fleet.StartWorker();
            fleet.Workers[name].Terminate();
            await fleet.Workers[name].Ended();
            Assert.Equal(143, fleet.Workers[name].ExitCode);
            _ = fleet.Workers.Remove(name);
        }
        var ended = RtmpRecorder.Now;
        await Whole(fleet, names, publishers);
        FaultReport.Add(
            $"rolling restart of 4 workers with {streams} streams", "the outputs are opened again",
            [.. names.Select(n => LongestGap(fleet, n, begun, ended))]);
    }

    [Fact]
    public async Task StoppedWorker_ThatGoesOn_WritesNothingMore()
    {
        await using var fleet = await TestFleet.Start(Lease);
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        var (names, publishers) = await Streams(fleet, 4);
        var victim = (await fleet.Client.GetSessions()).GroupBy(s => s.Worker!).First();
        var stopped = RtmpRecorder.Now;
        fleet.Workers[victim.Key].Pause();
        var back = new List<TimeSpan>();
        foreach (var session in victim)
            back.Add(await Back(fleet, session.Name, stopped));
        fleet.Workers[victim.Key].Continue();
        foreach (var name in names)
            await fleet.Comes(name, RtmpRecorder.Now, pictures: 30);
        await Whole(fleet, names, publishers);
        FaultReport.Add("SIGSTOP of a worker, SIGCONT later", "the picture stands still; the one that wakes up writes nothing", [.. back]);
    }

    [Fact]
    public async Task FrontKilled_AndBegunAgain_StreamsComeBack()
    {
        await using var fleet = await TestFleet.Start(Lease);
        _ = await fleet.StartWorker();
        var session = TestFleet.Passed(
            "own", "test:testsrc2?size=64x64&rate=10&duration=0", $"rtmp://127.0.0.1:{fleet.Recorder.Port}/out/own");
        _ = await fleet.Client.StartSession(session);
        await fleet.Comes("own", default);
        var killed = RtmpRecorder.Now;
        fleet.Front.Kill();
        await fleet.Front.Ended();
        await fleet.StartFront();
        var started = RtmpRecorder.Now;
        await fleet.Comes("own", started, pictures: 10);
        var after = fleet.Recorder.Of("own");
        Assert.Empty(fleet.Recorder.Overlaps());
        FaultReport.Add(
            "kill -9 of the only front, begun again",
            "no page and interface; what a worker reads itself goes on within its lease, then waits",
            LongestGap(fleet, "own", killed, after[^1].At));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OneOfTwoFrontsKilled_StreamsGoOn_AndTheOtherAnswers(bool isFirst)
    {
        using var folder = new TempFolder();
        using var store = Store.Redis(folder[[]]).Begin();
        await using var fleet = await TestFleet.Start(Lease, "--cluster", store.Option);
        var (second, address) = await fleet.StartSecondFront();
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        // Read where they run: publishers and viewers come to one front, and have to come to the other one.
        var names = Enumerable.Range(0, 4).Select(i => $"own{i}").ToList();
        foreach (var name in names)
            _ = await fleet.Client.StartSession(TestFleet.Passed(
                name, "test:testsrc2?size=64x64&rate=10&duration=0", $"rtmp://127.0.0.1:{fleet.Recorder.Port}/out/{name}"));
        foreach (var name in names)
            await fleet.Comes(name, default, pictures: 20);

        var killed = RtmpRecorder.Now;
        var dead = isFirst ? fleet.Front : second;
        dead.Kill();
        await dead.Ended();
        using var other = new StudioClient(isFirst ? address : fleet.Address);
        await fleet.Until(async () =>
        {
            try
            {
                return (await other.GetSessions()).Count(s => s is { State: SessionState.Running, Status.FramesOut: > 0 }) == names.Count;
            }
            catch (StudioException)
            {
                return false;
            }
        }, "the other front knows all of them");
        var answered = RtmpRecorder.Now;
        foreach (var name in names)
            await fleet.Comes(name, answered, pictures: 20);
        Assert.Empty(fleet.Recorder.Overlaps());
        // It decides as well as the one before.
        _ = await other.StartSession(TestFleet.Passed("new", "test:testsrc2?size=64x64&rate=1&duration=0"));
        var connections = names.Sum(n => fleet.Recorder.Of(n).Select(p => p.Connection).Distinct().Count() - 1);
        FaultReport.Add(
            $"{(isFirst ? "first" : "second")} of two fronts killed: the other one answers", "503 until then", answered - killed);
        FaultReport.Add(
            $"{(isFirst ? "first" : "second")} of two fronts killed: pictures", $"{connections} outputs opened again",
            [.. names.Select(n => LongestGap(fleet, n, killed, RtmpRecorder.Now))]);
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("postgres")]
    public async Task Store_ThatIsGoneForAWhile_IsNoMatterToWhatRuns(string kind)
    {
        using var folder = new TempFolder();
        using var store = (kind == "redis" ? Store.Redis(folder[[]]) : Store.Postgres(folder[[]])).Begin();
        await using var fleet = await TestFleet.Start(LongLease, "--cluster", store.Option);
        _ = await fleet.StartWorker();
        _ = await fleet.StartWorker();
        var (names, publishers) = await Streams(fleet, 2);

        var cut = RtmpRecorder.Now;
        await store.Kill();
        foreach (var name in names)
            await fleet.Comes(name, RtmpRecorder.Now, pictures: 80);
        var refused = await Assert.ThrowsAsync<StudioException>(
            () => fleet.Client.StartSession(TestFleet.Passed("new", "test:testsrc2?size=64x64&rate=1&duration=0")));
        Assert.Contains("nothing was changed; what runs goes on", refused.Message, StringComparison.Ordinal);
        // It is lost with what it would have had to keep, and had not.
        Assert.DoesNotContain(await fleet.Client.GetSessions(), s => s.Name == "new");
        _ = store.Begin();
        await fleet.Until(async () =>
        {
            try
            {
                _ = await fleet.Client.StartSession(TestFleet.Passed("later", "test:testsrc2?size=64x64&rate=1&duration=0"));
                return true;
            }
            catch (StudioException)
            {
                return false;
            }
        }, "sessions begin again");
        await Whole(fleet, names, publishers);
        FaultReport.Add(
            $"{kind} killed, begun again 8 s later", "nothing; new sessions are refused with the reason until it answers",
            [.. names.Select(n => LongestGap(fleet, n, cut, RtmpRecorder.Now))]);
    }

    [RootFact("a disk that is small enough is mounted")]
    public async Task FullDisk_IsNoMatterToWhatRuns()
    {
        using var folder = new TempFolder();
        var disk = folder["disk"];
        _ = Directory.CreateDirectory(disk);
        Assert.Equal(0, await Do(folder, "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk));
        try
        {
            await using var fleet = await TestFleet.Start(LongLease, "--data", disk);
            _ = await fleet.StartWorker(null, 8, "--secret-file", Path.Combine(disk, "fleet.key"));
            var (names, publishers) = await Streams(fleet, 2);
            var full = RtmpRecorder.Now;
            Assert.Equal(1, await Do(folder, "dd", "if=/dev/zero", $"of={disk}/filler", "bs=4k", "status=none"));
            foreach (var name in names)
                await fleet.Comes(name, RtmpRecorder.Now, pictures: 40);
            var refused = await Assert.ThrowsAsync<StudioException>(
                () => fleet.Client.StartSession(TestFleet.Passed("new", "test:testsrc2?size=64x64&rate=1&duration=0")));
            Assert.Contains("what runs goes on", refused.Message, StringComparison.Ordinal);
            File.Delete(Path.Combine(disk, "filler"));
            _ = await fleet.Client.StartSession(TestFleet.Passed("new", "test:testsrc2?size=64x64&rate=1&duration=0"));
            await Whole(fleet, names, publishers);
            FaultReport.Add(
                "disk of a single front full for 4 s", "nothing; new sessions are refused with the reason",
                [.. names.Select(n => LongestGap(fleet, n, full, RtmpRecorder.Now))]);
        }
        finally
        {
            _ = await Do(folder, "umount", "-l", disk);
        }
    }

    private static async Task<int> Do(TempFolder folder, string program, params string[] args)
    {
        using var process = FleetProcess.Start(folder[[]], program, args);
        await process.Ended();
        return process.ExitCode;
    }

    private static async Task<(List<string> Names, List<FleetProcess> Publishers)> Streams(TestFleet fleet, int count)
    {
        var (names, publishers) = (new List<string>(), new List<FleetProcess>());
        for (var i = 0; i < count; i++)
        {
            var (session, publisher) = await fleet.Stream($"s{i:00}");
            names.Add(session.Name);
            publishers.Add(publisher);
        }
        foreach (var name in names)
            await fleet.Comes(name, default, pictures: 10);
        return (names, publishers);
    }

    // From the fault to the first picture of another connection.
    private static async Task<TimeSpan> Back(TestFleet fleet, string name, TimeSpan since)
    {
        var before = fleet.Recorder.Of(name).Last(p => p.At <= since).Connection;
        RtmpRecorder.Picture? first = null;
        await fleet.Until(
            () => Task.FromResult((first = fleet.Recorder.Of(name).FirstOrDefault(p => p.At > since && p.Connection > before)) is not null),
            $"{name} is back");
        return first!.At - since;
    }

    private static TimeSpan LongestGap(TestFleet fleet, string name, TimeSpan from, TimeSpan to)
    {
        var times = fleet.Recorder.Of(name).Select(p => p.At).Where(t => t >= from && t <= to).Prepend(from).ToList();
        return times.Zip(times.Skip(1), (a, b) => b - a).DefaultIfEmpty(TimeSpan.Zero).Max();
    }

    private static async Task Whole(TestFleet fleet, List<string> names, List<FleetProcess> publishers)
    {
        foreach (var name in names)
            await fleet.Comes(name, RtmpRecorder.Now);
        Assert.Empty(fleet.Recorder.Overlaps());
        Assert.All(publishers, p => Assert.False(p.HasExited, p.Text));
    }
}
