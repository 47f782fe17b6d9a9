using System.Runtime.InteropServices;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Pipeline.Tests.Host;

/// <summary>A session that gives its place back for a while goes on as if nothing had been.</summary>
public sealed class SessionSuspendTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private const int Before = 29;
    private const int After = 20;

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Resumed_WithAChunkInFlightAndAWindowThatRolls_GivesTheSameFramesBitForBit()
    {
        var steady = await Frames(_ => Task.CompletedTask);
        var kept = 0L;
        var suspended = await Frames(async at =>
        {
            kept = at.Host.Suspend(at.Session, long.MaxValue)!.Value;
            // Its lanes are all that there are: somebody else has them meanwhile, and leaves something else in them.
            Assert.Equal(0, at.Host.Statistics.LanesLeased);
            var others = new GivenFrames();
            using (var other = at.Host.Start(TinyModel.Patient("other", prompt: "van gogh", seed: 9), others.Add))
            {
                var full = Assert.Throws<ModelException>(() => at.Host.Resume(at.Session));
                Assert.Equal("2 lanes are needed to go on, of the pool's 2 only 0 are free", full.Message);
                tiny.Feed(other, 3, 13);
                other.Finish();
                await other.Completed.WaitAsync(TinyModel.Patience);
            }
            Assert.Equal((13, 0), (others.Count, at.Host.Statistics.LanesLeased));
            at.Host.Resume(at.Session);
            Assert.Equal(2, at.Host.Statistics.LanesLeased);
        });
        Assert.True(kept > 10_000, $"{kept} bytes were kept");
        Assert.Equal(Before + After, steady.Count);
        Assert.Equal(steady.Taken, suspended.Taken);
        Assert.True(steady.IsSameAs(suspended), "the frames differ");

        // One that begins anew in the middle gives others: what was kept is what makes them the same.
        using var host = tiny.Host(new FixedStreamBatch());
        var anew = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("anew"), anew.Add);
        tiny.Feed(session, Before, After);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        Assert.False(Enumerable.Range(0, After).All(i => anew.IsSame(i, steady, Before + i)));
    }

    [Fact]
    public void Suspended_ThatIsEnded_OrIsTooLarge_LeavesNothingBehind()
    {
        using var host = tiny.Host(new FixedStreamBatch(), new HostOptions { Lanes = 2 });
        var session = host.Start(TinyModel.Patient("one"), f => f.Frame.Dispose());
        Assert.Null(host.Suspend(session, 10));
        Assert.Equal(2, host.Statistics.LanesLeased);
        Assert.NotNull(host.Suspend(session, long.MaxValue));
        Assert.Null(host.Suspend(session, long.MaxValue));
        session.Dispose();
        Assert.Equal("session one is over", Assert.Throws<ModelException>(() => host.Resume(session)).Message);
        Assert.Equal((0, 0L), (host.Sessions.Count, host.Statistics.CacheBytes));
        using var again = host.Start(TinyModel.Patient("one"), f => f.Frame.Dispose());
        Assert.Equal(2, host.Statistics.LanesLeased);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Server_GoesOnWithWhatIsKept_AndDropsTheOldestWhereMemoryIsFull()
    {
        var news = new System.Collections.Concurrent.ConcurrentQueue<LiveEvent>();
        long each;
        using (var server = Server(new HostOptions { Refuses = false }))
        {
            Assert.False(server.Suspend("nobody"));
            await Runs(server, "a", resumes: true);
            Assert.True(server.Suspend("a"));
            var statistics = server.Statistics;
            (each, var count) = (statistics.SuspendedBytes, statistics.Suspended);
            Assert.Equal((0, 1, 0), (statistics.Sessions, count, statistics.LanesLeased));
            var before = 0L;
            var resumed = await server.StartAsync("a", Options(), Slo, resumes: true);
            Assert.True(resumed.IsResumed);
            before = resumed.Statistics.FramesOut;
            Assert.True(before > 0);
            await TinyModel.Until(() => resumed.Statistics.FramesOut > before);
            // Begun anew, whatever is kept.
            Assert.True(server.Suspend("a"));
            Assert.False((await server.StartAsync("a", Options(), Slo)).IsResumed);
            Assert.True(server.Suspend("a"));
            Assert.True(server.Stop("a"));
            Assert.False(server.Stop("a"));
            Assert.Equal((0, 0L), (server.Statistics.Suspended, server.Statistics.SuspendedBytes));
        }
        using (var server = Server(new HostOptions { Refuses = false, SuspendedGigabytes = 1.5 * each / (1L << 30) }))
        {
            foreach (var name in (string[])["a", "b"])
                await Runs(server, name, resumes: false);
            Assert.True(server.Suspend("a"));
            Assert.True(server.Suspend("b"));
            Assert.Equal((1, each), (server.Statistics.Suspended, server.Statistics.SuspendedBytes));
            Assert.Contains(news, n => n.Session == "a" && n.Text.StartsWith("what was kept of it is dropped", StringComparison.Ordinal));
            Assert.False((await server.StartAsync("a", Options(), Slo, resumes: true)).IsResumed);
            Assert.True((await server.StartAsync("b", Options(), Slo, resumes: true)).IsResumed);
        }

        SessionServer Server(HostOptions room) => new(Options(), room, news.Enqueue);
    }

    [Fact]
    public async Task Server_ThatCannotResume_LetsGoOfWhatIsKept_AndItsNameIsFree()
    {
        var news = new System.Collections.Concurrent.ConcurrentQueue<LiveEvent>();
        using var server = new SessionServer(Options(), new HostOptions { Refuses = false }, news.Enqueue);
        void AssertNothingIsLeft() => Assert.Equal(
            (0, 0, 0), (server.Statistics.Sessions, server.Statistics.Suspended, server.Statistics.LanesLeased));
        async Task Suspend()
        {
            _ = await server.StartAsync("a", Options(), Slo);
            Assert.True(server.Suspend("a"));
        }

        // No memory for its lanes.
        var stream = (await server.StartAsync("a", Options(), Slo)).Session!.Stream;
        Assert.True(server.Suspend("a"));
        stream.Running = () => throw new DeviceException("CUDA out of memory");
        Assert.False((await server.StartAsync("a", Options(), Slo, resumes: true)).IsResumed);
        Assert.Contains(news, n => n.Session == "a" && n.Text.StartsWith("begins anew: out of memory on cpu", StringComparison.Ordinal));
        Assert.True(server.Stop("a"));
        AssertNothingIsLeft();

        // Something else fails when its lanes are there already.
        await Suspend();
        server.LeaseOf = _ => throw new IOException("no right");
        foreach (var resumes in (bool[])[true, false])
        {
            _ = await Assert.ThrowsAsync<IOException>(() => server.StartAsync("a", Options(), Slo, resumes));
            AssertNothingIsLeft();
        }

        // What is changed before it is known whether it goes on is not lost in silence.
        server.LeaseOf = null;
        await Suspend();
        PendingChange? change = null;
        server.LeaseOf = name =>
        {
            change = server.ControlsOf(name)!.Apply(new SeedChange(3));
            return null;
        };
        Assert.True((await server.StartAsync("a", Options(), Slo, resumes: true)).IsResumed);
        _ = await Assert.ThrowsAsync<ControlException>(() => change!.Effect.WaitAsync(TinyModel.Patience));
        Assert.True(server.Suspend("a"));

        // Stopped while it takes what is kept, and before.
        server.LeaseOf = name =>
        {
            Assert.True(server.Stop(name));
            return null;
        };
        var stopped = await Assert.ThrowsAsync<ModelException>(() => server.StartAsync("a", Options(), Slo, resumes: true));
        Assert.Equal("session a was stopped before it had begun", stopped.Message);
        AssertNothingIsLeft();
        server.LeaseOf = null;
        await Suspend();
        var opening = server.StartAsync("a", Options(), Slo, resumes: true);
        Assert.True(server.Stop("a"));
        _ = await Record.ExceptionAsync(() => opening);
        AssertNothingIsLeft();
    }

    [Fact]
    public async Task Resumed_AfterHours_CountsNoneOfThemAsLatency()
    {
        var time = new HandClock();
        using var host = tiny.Host(new FixedStreamBatch(), new HostOptions { Lanes = 2 }, new LiveClock(time));
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one") with { KeepsAll = false }, frames.Add);
        // A group after the other: none of them is left out. The newest chunk waits for its last step.
        tiny.Feed(session, 0, 5, time.Now);
        for (var fed = 5; fed < 17; fed += 4)
        {
            tiny.Feed(session, fed, 4, time.Now);
            await TinyModel.Until(() => frames.Count == fed);
        }
        Assert.NotNull(host.Suspend(session, long.MaxValue));
        time.GoOn(TimeSpan.FromHours(2));
        host.Resume(session);
        var resumed = time.Now;
        for (var fed = 17; fed < 25; fed += 4)
        {
            tiny.Feed(session, fed, 4, resumed);
            await TinyModel.Until(() => frames.Count == fed && session.Statistics.FramesOut == fed);
        }
        // The chunk that was in flight came out as well.
        Assert.Equal((17, resumed), (frames.Taken.Count(t => t < resumed), frames.Taken[^1]));
        var statistics = session.Statistics;
        Assert.Equal((0L, TimeSpan.Zero, TimeSpan.Zero), (statistics.Late, statistics.LatencyMax, session.Meter.AfterDenoising));
    }

    private static readonly SessionSlo Slo = new() { Deadline = TimeSpan.FromMinutes(1) };

    private static RestyleOptions Options() => RestyleOptions.Of("test:testsrc2?size=64x64&rate=8&duration=0", "null:")
        .With("prompt a mosaic", "size 64x64", "steps 1", "fps 8", "live true") with
    { Compute = TestOptions.OneThread };

    private static async Task Runs(SessionServer server, string name, bool resumes)
    {
        var run = await server.StartAsync(name, Options(), Slo, resumes);
        Assert.False(run.IsResumed);
        await TinyModel.Until(() => run.Statistics.FramesOut > 8);
    }

    // Frames of a session to which something happens while it has nothing to do but for a chunk that waits for its last step.
    private async Task<GivenFrames> Frames(Func<(SessionHost Host, Session Session), Task> happens)
    {
        using var host = tiny.Host(new FixedStreamBatch(), new HostOptions { Lanes = 2 });
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one"), frames.Add);
        tiny.Feed(session, 0, Before);
        // Frames that have not become a group yet would be lost.
        await TinyModel.Until(() => frames.Count == Before - 4);
        Assert.Equal(1, session.Stream.Lanes.InFlight);
        await happens((host, session));
        tiny.Feed(session, Before, After);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        return frames;
    }

    /// <summary>As TorchSharp throws.</summary>
    private sealed class DeviceException(string message) : ExternalException(message);
}
