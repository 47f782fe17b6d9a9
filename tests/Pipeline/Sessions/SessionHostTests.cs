using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Sessions;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Sessions;

// Counts every tensor of the process: nothing else may run beside it.
[Collection("process memory")]
public sealed class SessionHostTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Session_EveryPicture_ComesOutOnceAndInOrder()
    {
        using var host = tiny.Host(Together());
        var pictures = new Pictures();
        using var session = host.Start(TinyModel.Patient("one"), pictures.Add);
        tiny.Feed(session, 0, 23);
        session.Finish();
        await session.Completed.WaitAsync(Patience);

        Assert.Equal(Enumerable.Range(0, 23).Select(i => TimeSpan.FromMilliseconds(60 * i)), pictures.Taken);
        var statistics = session.Statistics;
        Assert.Equal((23, 23, 0, 0), (statistics.FramesIn, statistics.FramesOut, statistics.Dropped, statistics.Late));
        Assert.Equal(6, statistics.Chunks);
        Assert.NotNull(statistics.FirstFrame);
        Assert.Equal(statistics.FirstFrame.Value.TotalSeconds, statistics.FirstFrameStages.Where(s => s.Key != SessionStage.Collect).Sum(s => s.Value.TotalSeconds), 6);
    }

    [Fact]
    public async Task Sessions_InCompany_GiveWhatTheyGiveAlone()
    {
        string[] prompts = ["a watercolor", "van gogh", "a watercolor"];
        var alone = new List<Pictures>();
        for (var i = 0; i < prompts.Length; i++)
            alone.Add((await RunTogether(new FixedSequential(), [(prompts[i], i + 1)]))[0]);
        Assert.False(alone[0].IsSameAs(alone[1]));

        var together = await RunTogether(Together(), [.. prompts.Select((p, i) => (p, i + 1))]);
        for (var i = 0; i < prompts.Length; i++)
            alone[i].AssertSame(together[i]);
    }

    [Fact]
    public async Task Policy_ExchangedWhileChunksAreInFlight_GivesTheSamePictures()
    {
        var steady = (await RunTogether(new FixedSequential(), [("a watercolor", 3)]))[0];
        using var host = tiny.Host(new FixedStreamBatch());
        var pictures = new Pictures();
        using var session = host.Start(TinyModel.Patient("one", steps: 3, seed: 3), pictures.Add);
        IBatchPolicy[] policies = [new FixedSequential(), Together(), new FixedStreamBatch(), new FixedSequential()];
        for (var i = 0; i < 41; i++)
        {
            tiny.Feed(session, i, 1);
            if (i % 8 == 7)
            {
                while (pictures.Count < i / 8 && !session.Completed.IsCompleted)
                    await Task.Yield();
                host.Policy = policies[i / 8 % policies.Length];
            }
        }
        session.Finish();
        await session.Completed.WaitAsync(Patience);
        steady.AssertSame(pictures);
    }

    [Fact]
    public async Task Sessions_ComeAndGo_LeaveNothingBehind()
    {
        using var host = tiny.Host();
        await Round(0);
        var before = Tensor.TotalCount;
        for (var i = 1; i < 4; i++)
            await Round(i);
        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal((0, 0, 0L), (host.Statistics.Sessions, host.Statistics.LanesLeased, host.Statistics.CacheBytes));
        Assert.Equal(0, tiny.Frames.Outstanding);

        async Task Round(int round)
        {
            var pictures = new Pictures();
            using (var stays = host.Start(TinyModel.Patient("stays"), pictures.Add))
            {
                tiny.Feed(stays, 0, 13);
                // One of another size has a pool of its own; it is ended with chunks in flight.
                var request = TinyModel.Patient("goes", steps: 1 + round % 4);
                using (var goes = host.Start(request with { Restyle = request.Restyle with { Size = (96, 64) } }, f => f.Frame.Dispose()))
                    tiny.Feed(goes, 0, 30);
                stays.Finish();
                await stays.Completed.WaitAsync(Patience);
            }
            Assert.Equal(13, pictures.Count);
        }
    }

    [Fact]
    public async Task Receiver_ThatThrowsOrIsStuck_HurtsNobodyElse()
    {
        using var host = tiny.Host();
        using var free = new ManualResetEventSlim();
        var pictures = new Pictures();
        using var well = host.Start(TinyModel.Patient("well"), pictures.Add);
        using var throws = host.Start(TinyModel.Patient("throws"), f => throw new InvalidOperationException("no more room"));
        var stuck = host.Start(TinyModel.Patient("stuck"), f =>
        {
            f.Frame.Dispose();
            free.Wait();
        });
        foreach (var session in new[] { well, throws, stuck })
            tiny.Feed(session, 0, 25);
        well.Finish();
        await well.Completed.WaitAsync(Patience);
        await Assert.ThrowsAsync<InvalidOperationException>(() => throws.Completed.WaitAsync(Patience));

        Assert.Equal(25, pictures.Count);
        Assert.Equal("no more room", throws.Fault!.Message);
        Assert.Equal(["well", "stuck"], host.Sessions.Select(s => s.Name));
        free.Set();
        stuck.Dispose();
    }

    [Fact]
    public async Task Device_AStreamThatFailsInASharedPass_FailsAlone()
    {
        using var host = tiny.Host(Together());
        var pictures = new Pictures();
        using var well = host.Start(TinyModel.Patient("well"), pictures.Add);
        using var bad = host.Start(TinyModel.Patient("bad"), f => f.Frame.Dispose());
        bad.Stream.Running = () => throw new InvalidOperationException("bad stream");
        foreach (var session in new[] { well, bad })
            tiny.Feed(session, 0, 25);
        well.Finish();
        await well.Completed.WaitAsync(Patience);
        Assert.Equal(25, pictures.Count);
        await Assert.ThrowsAsync<InvalidOperationException>(() => bad.Completed.WaitAsync(Patience));
    }

    [Fact]
    public void Start_MoreThanTheDeviceCanDo_IsRefusedWithTheReason()
    {
        // Every pass takes 60 ms: one stream of four chunks a second with two steps needs 48 %.
        var options = new HostOptions { Latency = new LatencyModel(new LatencyTerms(0, 0.06 / 16, 0, 0, 0)) };
        using var host = tiny.Host(options: options);
        var slo = new SessionSlo { Deadline = TimeSpan.FromSeconds(2), TargetFps = 16 };
        SessionRequest Live(string name) => TinyModel.Patient(name) with { KeepsAll = false, Slo = slo };
        using var first = host.Start(Live("first"), f => f.Frame.Dispose());
        var refused = Assert.Throws<AdmissionException>(() => host.Start(Live("second"), f => f.Frame.Dispose()));
        Assert.StartsWith("session second is not admitted: it would load the device to 96 %, 90 % is the most: with 1 step it fits now", refused.Message, StringComparison.Ordinal);
        Assert.Single(host.Sessions);
        var one = Live("second");
        host.Start(one with { Restyle = one.Restyle with { Steps = 1 } }, f => f.Frame.Dispose()).Dispose();
    }

    [Fact]
    public void Start_NoLanesLeftOrNameTaken_IsRefused()
    {
        using var host = tiny.Host(options: new HostOptions { Lanes = 3 });
        using var first = host.Start(TinyModel.Patient("first"), f => f.Frame.Dispose());
        Assert.Contains("2 denoising steps need as many lanes; of the pool's 3 only 1 are free", Assert.Throws<ModelException>(() => host.Start(TinyModel.Patient("second"), f => f.Frame.Dispose())).Message, StringComparison.Ordinal);
        Assert.Contains("named first already", Assert.Throws<ModelException>(() => host.Start(TinyModel.Patient("first"), f => f.Frame.Dispose())).Message, StringComparison.Ordinal);
        Assert.Equal(2, host.Statistics.LanesLeased);
    }

    [Fact]
    public async Task Overload_EverybodyLate_AllGoOnAlike()
    {
        using var host = tiny.Host();
        var sessions = new List<(LiveSession Session, Pictures Pictures)>();
        for (var i = 0; i < 3; i++)
        {
            var pictures = new Pictures();
            var request = TinyModel.Patient($"s{i}", steps: 1 + i) with { Slo = new SessionSlo { Deadline = TimeSpan.FromTicks(1) } };
            sessions.Add((host.Start(request, pictures.Add), pictures));
        }
        foreach (var (session, _) in sessions)
        {
            tiny.Feed(session, 0, 61, TimeSpan.Zero);
            session.Finish();
        }
        await Task.WhenAny(sessions.Select(s => s.Session.Completed)).WaitAsync(Patience);
        // Steps cost, and who asks for three gets fewer pictures for the same share.
        Assert.All(sessions, s => Assert.True(s.Pictures.Count >= 61 / 4, $"{s.Session.Name} has {s.Pictures.Count} pictures when another has all"));
        await Task.WhenAll(sessions.Select(s => s.Session.Completed)).WaitAsync(Patience);
        Assert.All(sessions, s => Assert.Equal(61, s.Session.Statistics.Late));
        foreach (var (session, _) in sessions)
            session.Dispose();
    }

    [Fact]
    public async Task Controls_PromptAndStepsWhileItRuns_TakeEffectAtAChunk()
    {
        using var host = tiny.Host();
        var (plain, changed) = (new Pictures(), new Pictures());
        using (var session = host.Start(TinyModel.Patient("plain"), plain.Add))
        {
            tiny.Feed(session, 0, 29);
            session.Finish();
            await session.Completed.WaitAsync(Patience);
        }
        using (var session = host.Start(TinyModel.Patient("changed"), changed.Add))
        {
            tiny.Feed(session, 0, 13);
            while (changed.Count < 13)
                await Task.Yield();
            var prompt = session.Controls.Apply(new PromptChange("van gogh", 2));
            var steps = session.Controls.Apply(new StepsChange(4));
            tiny.Feed(session, 13, 16);
            session.Finish();
            await session.Completed.WaitAsync(Patience);
            Assert.True((await prompt.Effect).Chunk >= 3);
            Assert.True((await steps.Effect).Chunk >= 3);
            Assert.Equal(4, session.Statistics.Steps);
        }
        Assert.Equal(29, changed.Count);
        Assert.False(plain.IsSameAs(changed));
    }

    [Fact]
    public async Task Ladder_PicturesAreLate_GivesUpAndTakesBack()
    {
        var time = new HandClock();
        var (news, pictures) = (new System.Collections.Concurrent.ConcurrentQueue<LiveEvent>(), new Pictures());
        var gate = new Gate(Together());
        using var host = tiny.Host(gate, clock: new LiveClock(time), log: news.Enqueue);
        var slo = new SessionSlo { Ladder = [Degradation.FewerSteps, Degradation.LowerFps] };
        using var session = host.Start(TinyModel.Patient("one") with { KeepsAll = false, Slo = slo }, pictures.Add);

        // Each round: pictures that wait for three seconds.
        tiny.Feed(session, 0, 5, time.Now);
        time.GoOn(TimeSpan.FromSeconds(3));
        gate.IsOpen = true;
        await Until(() => IsDegraded(1));
        gate.IsOpen = false;
        tiny.Feed(session, 5, 4, time.Now);
        time.GoOn(TimeSpan.FromSeconds(3));
        gate.IsOpen = true;
        await Until(() => IsDegraded(2));
        Assert.Equal(["steps 1 of 2", "every second picture"], session.Statistics.Degraded);
        Assert.Equal(1, session.Statistics.Steps);

        // Then all is in time. Half of the pictures are left out, until the rate is taken back.
        for (var i = 0; session.Statistics.Degraded.Count > 0 && i < 400; i++)
        {
            tiny.Feed(session, 9 + 8 * i, 8, time.Now);
            await Until(() => session.Statistics is var s && s.FramesOut + s.Dropped == s.FramesIn);
            time.GoOn(TimeSpan.FromSeconds(1));
        }
        Assert.Equal(2, session.Statistics.Steps);
        Assert.Equal(["started", "first picture", "degraded", "degraded", "recovered", "recovered"], news.Select(n => n.State));
        Assert.True(news.Single(n => n.State == "first picture").IsTrouble);

        bool IsDegraded(int rungs)
        {
            time.GoOn(TimeSpan.FromMilliseconds(100));
            return session.Statistics.Degraded.Count == rungs;
        }
    }

    [Fact]
    public async Task Ladder_SizeAndVae_ChangeWithoutAMissingPictureAndComeBack()
    {
        var time = new HandClock();
        var gate = new Gate(Together());
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
            var (next, pictures) = (0, new Pictures());
            // Pictures that wait for another second until their group is complete are not late.
            // A rate that a slow and busy machine has room for as well: only then is anything taken back.
            var slo = new SessionSlo { Ladder = [Degradation.LowerResolution, Degradation.TinyVae], Deadline = TimeSpan.FromSeconds(2.5), TargetFps = 2 };
            var request = TinyModel.Patient("one") with { KeepsAll = false, Slo = slo };
            using var session = host.Start(request with { Restyle = request.Restyle with { Size = (128, 96) } }, pictures.Add);
            await GiveLate(rungs: 1);
            await GiveLate(rungs: 2);
            Assert.Equal(["tiny VAE", "96x64 of 128x96"], session.Statistics.Degraded);
            for (var i = 0; i < 400 && (session.Statistics.Degraded.Count > 0 || i < 3 || session.Stream.IsChanging); i++)
            {
                Give();
                await Until(() => session.Statistics is var s && s.FramesOut + s.Dropped >= s.FramesIn - 4);
                time.GoOn(TimeSpan.FromSeconds(1));
            }
            Assert.Equal(["started", "first picture", "degraded", "degraded", "recovered", "recovered"], news.Select(n => n.State));
            Assert.Equal((128, 96), session.Stream.Form.Size);
            Assert.Equal(2, host.Statistics.LanesLeased);
            session.Finish();
            await session.Completed.WaitAsync(Patience);
            // What came out is of one size, in order, each once; only whole groups that were late are missing.
            Assert.Equal(pictures.Taken.Distinct().Order(), pictures.Taken);
            Assert.Equal(session.Statistics.FramesIn, session.Statistics.FramesOut + session.Statistics.Dropped);
            Assert.True(session.Statistics.Dropped <= 10, $"{session.Statistics.Dropped} pictures are missing");
            Assert.All(pictures.Bytes, b => Assert.Equal(3 * 128 * 96, b));

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
                await Until(() =>
                {
                    time.GoOn(TimeSpan.FromMilliseconds(100));
                    return session.Statistics.Degraded.Count == rungs;
                });
            }
        }
    }

    [Fact]
    public void Start_PromisesThatMeanNothing_AreRefusedAndOthersGoOn()
    {
        using var host = tiny.Host();
        using var first = host.Start(TinyModel.Patient("first"), f => f.Frame.Dispose());
        var refused = Assert.Throws<ModelException>(() => host.Start(TinyModel.Patient("second") with { Slo = new SessionSlo { TargetFps = 0 } }, f => f.Frame.Dispose()));
        Assert.Equal("session second: the target rate must be above 0 and at most 1000 pictures a second", refused.Message);
        Assert.Single(host.Sessions);
    }

    [Fact]
    public async Task Pause_BeforeTheFirstPicture_CountsFromTheSecondChunk()
    {
        using var host = tiny.Host();
        var (pictures, controls) = (new Pictures(), new SessionControls());
        controls.Apply(new PauseChange(true));
        using var session = host.Start(TinyModel.Patient("one") with { Controls = controls }, pictures.Add);
        tiny.Feed(session, 0, 13);
        while (session.Intake.UnderWay > 0 || pictures.Count < 5)
            await Task.Yield();
        controls.Apply(new PauseChange(false));
        tiny.Feed(session, 13, 8);
        session.Finish();
        await session.Completed.WaitAsync(Patience);
        Assert.Equal([0, 1, 2, 3, 4, 13, 14, 15, 16, 17, 18, 19, 20], pictures.Taken.Select(t => (int)t.TotalMilliseconds / 60));
    }

    [Fact]
    public async Task Dispose_WhileSessionsBegin_EndsThemAll()
    {
        for (var round = 0; round < 3; round++)
        {
            var host = tiny.Host();
            var begun = new System.Collections.Concurrent.ConcurrentBag<LiveSession>();
            var starts = Enumerable.Range(0, 3).Select(i => Task.Run(() =>
            {
                try
                {
                    for (var n = 0; ; n++)
                        begun.Add(host.Start(TinyModel.Patient($"{i} {n}", steps: 1), f => f.Frame.Dispose()));
                }
                catch (Exception e) when (e is ObjectDisposedException or ModelException)
                {
                }
            })).ToArray();
            while (begun.IsEmpty)
                await Task.Yield();
            await Task.Run(host.Dispose).WaitAsync(Patience);
            await Task.WhenAll(starts).WaitAsync(Patience);
            Assert.All(begun, s => Assert.True(s.IsOver));
        }
    }

    private static async Task Until(Func<bool> condition)
    {
        for (var left = 6000; !condition(); left--)
        {
            Assert.True(left > 0, "it did not happen within a minute");
            await Task.Delay(10);
        }
    }

    // Everything that is ready in one pass, chunks of one latent frame.
    private static DeadlineBatchPolicy Together() => new(new LatencyModel(new LatencyTerms(1, 0, 0, 0, 0)), new DeadlineBatchOptions { MostChunkFrames = 1 });

    private async Task<List<Pictures>> RunTogether(IBatchPolicy policy, (string Prompt, int Steps)[] streams)
    {
        using var host = tiny.Host(policy);
        var sessions = new List<(LiveSession Session, Pictures Pictures)>();
        for (var i = 0; i < streams.Length; i++)
        {
            var pictures = new Pictures();
            sessions.Add((host.Start(TinyModel.Patient($"s{i}", streams[i].Steps, streams[i].Prompt, seed: streams[i].Steps), pictures.Add), pictures));
        }
        foreach (var (session, _) in sessions)
        {
            tiny.Feed(session, 0, 41);
            session.Finish();
        }
        foreach (var (session, _) in sessions)
        {
            await session.Completed.WaitAsync(Patience);
            session.Dispose();
        }
        return [.. sessions.Select(s => s.Pictures)];
    }
}
