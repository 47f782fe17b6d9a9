using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Slo;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

// What changes while a session runs: controls, and what the ladder takes and gives back.
[Collection("process memory")]
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
    public async Task Ladder_SizeAndVae_ChangeWithoutAMissingFrameAndComeBack()
    {
        var time = new HandClock();
        var gate = new Gate(TinyModel.Together());
        var news = new System.Collections.Concurrent.ConcurrentQueue<LiveEvent>();
        using var vae = tiny.AnotherVae();
        using var host = tiny.Host(gate, clock: new LiveClock(time), log: news.Enqueue, tinyVae: vae);
        // What networks keep of a size they keep: the second round shows what is left behind.
        await Round();
        var before = Tensor.TotalCount;
        await Round();
        // A round changes four times. Tables of positions are kept, and a first group that lies elsewhere in the window has one of its own.
        Assert.InRange(Tensor.TotalCount - before, 0, 3);
        Assert.Equal((0, 0L), (host.Statistics.LanesLeased, host.Statistics.CacheBytes));

        async Task Round()
        {
            news.Clear();
            var (next, frames) = (0, new GivenFrames());
            // Frames that wait for another second until their group is complete are not late.
            // A rate that a slow and busy machine has room for as well: only then is anything taken back.
            var slo = new SessionSlo
            {
                Ladder = [Degradation.LowerResolution, Degradation.TinyVae],
                Deadline = TimeSpan.FromSeconds(2.5),
                TargetFps = 2,
            };
            var request = TinyModel.Patient("one") with { KeepsAll = false, Slo = slo };
            using var session = host.Start(request with { Size = (128, 96) }, frames.Add);
            await GiveLate(rungs: 1);
            await GiveLate(rungs: 2);
            Assert.Equal(["tiny VAE", "96x64 of 128x96"], session.Statistics.Degraded);
            for (var i = 0; i < 400 && (session.Statistics.Degraded.Count > 0 || i < 3 || session.Stream.IsChanging); i++)
            {
                Give();
                await TinyModel.Until(() => session.Statistics is var s && s.FramesOut + s.Dropped >= s.FramesIn - 4);
                time.GoOn(TimeSpan.FromSeconds(1));
            }
            Assert.Equal(["started", "first picture", "degraded", "degraded", "recovered", "recovered"],
                news.Where(n => n.State != "note").Select(n => n.State));
            Assert.Equal((128, 96), session.Stream.Form.Size);
            Assert.Equal(2, host.Statistics.LanesLeased);
            session.Finish();
            await session.Completed.WaitAsync(TinyModel.Patience);
            // What came out is of one size, in order, each once; only whole groups that were late are missing.
            Assert.Equal(frames.Taken.Distinct().Order(), frames.Taken);
            Assert.Equal(session.Statistics.FramesIn, session.Statistics.FramesOut + session.Statistics.Dropped);
            Assert.True(session.Statistics.Dropped <= 10, $"{session.Statistics.Dropped} pictures are missing");
            Assert.All(frames.Bytes, b => Assert.Equal(3 * 128 * 96, b));

            void Give()
            {
                for (var i = 0; i < 5; i++)
                    tiny.Feed(session, next++, 1, time.Now + TimeSpan.FromTicks(i));
            }

            async Task GiveLate(int rungs)
            {
                gate.IsOpen = false;
                Give();
                time.GoOn(TimeSpan.FromSeconds(3));
                gate.IsOpen = true;
                await TinyModel.Until(() =>
                {
                    time.GoOn(TimeSpan.FromMilliseconds(100));
                    return session.Statistics.Degraded.Count == rungs;
                });
            }
        }
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
