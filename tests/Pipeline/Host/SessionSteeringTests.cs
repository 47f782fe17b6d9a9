using System.Collections.Concurrent;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Slo;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

// What changes while a session runs: controls, and what the ladder takes and gives back.
public sealed class SessionSteeringTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Controls_PromptAndStepsWhileItRuns_TakeEffectAtAChunk()
    {
        using var host = tiny.Host();
        var (plain, changed) = (new GivenFrames(), new GivenFrames());
        using (var session = host.Start(TinyModel.Patient("plain"), plain.Add))
        {
            tiny.Feed(session, 0, 29);
            session.Finish();
            await session.Completed.WaitAsync(TinyModel.Patience);
        }
        using (var session = host.Start(TinyModel.Patient("changed"), changed.Add))
        {
            tiny.Feed(session, 0, 13);
            while (changed.Count < 13)
                await Task.Yield();
            var prompt = session.Controls.Apply(new PromptChange("van gogh", 2));
            var steps = session.Controls.Apply(new StepsChange(4));
            // A prompt that is not encoded when the last chunk begins takes effect never.
            await session.Controls.Prepared.WaitAsync(TinyModel.Patience);
            tiny.Feed(session, 13, 16);
            session.Finish();
            await session.Completed.WaitAsync(TinyModel.Patience);
            Assert.True((await prompt.Effect).Chunk >= 3);
            Assert.True((await steps.Effect).Chunk >= 3);
            Assert.Equal(4, session.Statistics.Steps);
        }
        Assert.Equal(29, changed.Count);
        Assert.False(plain.IsSameAs(changed));
    }

    [Fact]
    public async Task Sessions_PromptOfATimelineIsSlowToRead_OnlyTheFileThatNeedsItWaits()
    {
        using var release = new ManualResetEventSlim();
        tiny.Loaded.Prompts.Reading = prompt =>
        {
            if (prompt == "slow to read")
                release.Wait();
        };
        using var host = tiny.Host();
        var (live, file) = (new GivenFrames(), new GivenFrames());
        var (ofLive, ofFile) = (Later(), Later());
        var changed = new ConcurrentQueue<long>();
        ofLive.Applied += a => changed.Enqueue(a.Chunk);
        ofFile.Applied += a => changed.Enqueue(a.Chunk);
        using var waiting = host.Start(TinyModel.Patient("file", steps: 1) with { Controls = ofFile }, file.Add);
        using var running = host.Start(TinyModel.Patient("live", steps: 1) with { Controls = ofLive, KeepsAll = false }, live.Add);
        try
        {
            tiny.Feed(waiting, 0, 9);
            tiny.Feed(running, 0, 5);
            await TinyModel.Until(() => live.Count == 5);
            tiny.Feed(running, 5, 4);
            await TinyModel.Until(() => live.Count == 9 && file.Count == 5);
            Assert.Empty(changed);

            release.Set();
            await Task.WhenAll(ofLive.Prepared, ofFile.Prepared).WaitAsync(TinyModel.Patience);
            tiny.Feed(running, 9, 4);
            await TinyModel.Until(() => live.Count == 13 && file.Count == 9);
            Assert.Equal([1, 2], changed.Order());
        }
        finally
        {
            release.Set();
            tiny.Loaded.Prompts.Reading = null;
        }

        static StreamControls Later() => new(
            new Timeline([new(new TimelinePoint(Chunk: 1), new PromptChange("slow to read"))]), isOpenEnded: false);
    }

    [Fact]
    public async Task Ladder_FramesAreLate_GivesUpAndTakesBack()
    {
        var time = new HandClock();
        var (news, frames) = (new System.Collections.Concurrent.ConcurrentQueue<LiveEvent>(), new GivenFrames());
        var gate = new Gate(TinyModel.Together());
        using var host = tiny.Host(gate, clock: new LiveClock(time), log: news.Enqueue);
        var slo = new SessionSlo { Ladder = [Degradation.FewerSteps, Degradation.LowerFps] };
        using var session = host.Start(TinyModel.Patient("one") with { KeepsAll = false, Slo = slo }, frames.Add);

        // Each round: frames that wait for three seconds.
        tiny.Feed(session, 0, 5, time.Now);
        time.GoOn(TimeSpan.FromSeconds(3));
        gate.IsOpen = true;
        await TinyModel.Until(() => IsDegraded(1));
        gate.IsOpen = false;
        tiny.Feed(session, 5, 4, time.Now);
        time.GoOn(TimeSpan.FromSeconds(3));
        gate.IsOpen = true;
        await TinyModel.Until(() => IsDegraded(2));
        Assert.Equal(["steps 1 of 2", "every second picture"], session.Statistics.Degraded);
        Assert.Equal(1, session.Statistics.Steps);

        // Then all is in time. Half of the frames are left out, until the rate is taken back.
        for (var i = 0; session.Statistics.Degraded.Count > 0 && i < 400; i++)
        {
            tiny.Feed(session, 9 + 8 * i, 8, time.Now);
            await TinyModel.Until(() => session.Statistics is var s && s.FramesOut + s.Dropped == s.FramesIn);
            time.GoOn(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(2, session.Statistics.Steps);
        Assert.Equal(["started", "first picture", "degraded", "degraded", "recovered", "recovered"],
            news.Where(n => n.State != "note").Select(n => n.State));
        Assert.True(news.Single(n => n.State == "first picture").IsTrouble);

        bool IsDegraded(int rungs)
        {
            time.GoOn(TimeSpan.FromMilliseconds(100));
            return session.Statistics.Degraded.Count == rungs;
        }
    }

    [Fact]
    public async Task Ladder_SourceGoesAndComesBack_GivesUpNothing()
    {
        var time = new HandClock();
        using var host = tiny.Host(TinyModel.Together(), clock: new LiveClock(time));
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one") with { KeepsAll = false }, frames.Add);
        var fed = 0;
        for (var round = 0; round < 4; round++)
        {
            // A group, and a part of one that is left out: nothing of that was too slow. A second later it is looked at.
            tiny.Feed(session, 0, fed == 0 ? 5 : 4, time.Now);
            fed += fed == 0 ? 5 : 4;
            await TinyModel.Until(() => frames.Count == fed && session.Statistics.FramesOut == fed);
            tiny.Feed(session, 5, 3, time.Now);
            session.Discontinue();
            time.GoOn(TimeSpan.FromSeconds(3));
        }
        Assert.Equal((12L, 12L), (session.Lost, session.Statistics.Dropped));
        Assert.Equal(0, session.Missed);
        Assert.Empty(session.Statistics.Degraded);
        Assert.Equal(2, session.Statistics.Steps);
    }

    [Fact]
    public async Task Pause_BeforeTheFirstFrame_CountsFromTheSecondChunk()
    {
        using var host = tiny.Host();
        var (frames, controls) = (new GivenFrames(), new StreamControls());
        controls.Apply(new PauseChange(true));
        using var session = host.Start(TinyModel.Patient("one") with { Controls = controls }, frames.Add);
        tiny.Feed(session, 0, 13);
        await TinyModel.Until(() => frames.Count == 13);
        controls.Apply(new PauseChange(false));
        tiny.Feed(session, 13, 8);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        // What is held shows the frame before once more, in its own time.
        Assert.Equal(Enumerable.Range(0, 21), frames.Taken.Select(t => (int)t.TotalMilliseconds / 60));
        Assert.All(Enumerable.Range(5, 8), i => Assert.True(frames.IsSame(4, i)));
        Assert.False(frames.IsSame(4, 13));
    }
}
