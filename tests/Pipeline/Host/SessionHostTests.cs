using System.Collections.Concurrent;
using StreamDiff.Models;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Tests.Runs;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Host;

public sealed class SessionHostTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    [Fact]
    public async Task Session_EveryFrame_ComesOutOnceAndInOrder()
    {
        using var host = tiny.Host(TinyModel.Together());
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one"), frames.Add);
        tiny.Feed(session, 0, 23);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);

        Assert.Equal(Enumerable.Range(0, 23).Select(i => TimeSpan.FromMilliseconds(60 * i)), frames.Taken);
        var statistics = session.Statistics;
        Assert.Equal((23, 23, 0, 0), (statistics.FramesIn, statistics.FramesOut, statistics.Dropped, statistics.Late));
        Assert.Equal(6, statistics.Chunks);
        Assert.NotNull(statistics.FirstFrame);
        Assert.Equal(statistics.FirstFrame.Value.TotalSeconds,
            statistics.FirstFrameStages.Where(s => s.Key != ChunkStage.Collect).Sum(s => s.Value.TotalSeconds), 1e-6);
    }

    [Fact]
    public async Task Session_SourceWithBars_TheBarsOfEachFrameAreBlack()
    {
        using var host = tiny.Host(TinyModel.Together());
        var (wide, tall) = (new PixelRect(0, 16, TinyModel.Side, 32), new PixelRect(16, 0, 32, TinyModel.Side));
        var contents = new ConcurrentQueue<PixelRect?>();
        void Take(FinishedFrame finished)
        {
            using var frame = finished.Frame;
            LetterboxTests.AssertBars(frame.Pixels, frame.Width, frame.Height, frame.Content!.Value);
            contents.Enqueue(frame.Content);
        }
        using var session = host.Start(TinyModel.Patient("one", steps: 1), Take);
        // The source changes its shape within a group.
        tiny.Feed(session, 0, 7, content: wide);
        tiny.Feed(session, 7, 6, content: tall);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        Assert.Equal([.. Enumerable.Repeat<PixelRect?>(wide, 7), .. Enumerable.Repeat<PixelRect?>(tall, 6)], contents);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Sessions_InCompany_GiveWhatTheyGiveAlone()
    {
        string[] prompts = ["a watercolor", "van gogh", "a watercolor"];
        var alone = new List<GivenFrames>();
        for (var i = 0; i < prompts.Length; i++)
            alone.Add((await RunTogether(new FixedSequential(), [(prompts[i], i + 1)]))[0]);
        Assert.False(alone[0].IsSameAs(alone[1]));

        var together = await RunTogether(TinyModel.Together(), [.. prompts.Select((p, i) => (p, i + 1))]);
        for (var i = 0; i < prompts.Length; i++)
            alone[i].AssertSame(together[i]);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Policy_ExchangedWhileChunksAreInFlight_GivesTheSameFrames()
    {
        var steady = (await RunTogether(new FixedSequential(), [("a watercolor", 3)]))[0];
        using var host = tiny.Host(new FixedStreamBatch());
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one", steps: 3, seed: 3), frames.Add);
        IBatchPolicy[] policies = [new FixedSequential(), TinyModel.Together(), new FixedStreamBatch(), new FixedSequential()];
        for (var i = 0; i < 41; i++)
        {
            tiny.Feed(session, i, 1);
            if (i % 8 == 7)
            {
                while (frames.Count < i / 8 && !session.Completed.IsCompleted)
                    await Task.Yield();
                host.Policy = policies[i / 8 % policies.Length];
            }
        }
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        steady.AssertSame(frames);
    }

    [Fact]
    public async Task Receiver_ThatThrowsOrIsStuck_HurtsNobodyElse()
    {
        using var host = tiny.Host();
        using var free = new ManualResetEventSlim();
        var frames = new GivenFrames();
        using var well = host.Start(TinyModel.Patient("well"), frames.Add);
        using var throws = host.Start(TinyModel.Patient("throws"), f => throw new InvalidOperationException("no more room"));
        var stuck = host.Start(TinyModel.Patient("stuck"), f =>
        {
            f.Frame.Dispose();
            free.Wait();
        });
        foreach (var session in new[] { well, throws, stuck })
            tiny.Feed(session, 0, 25);
        well.Finish();
        await well.Completed.WaitAsync(TinyModel.Patience);
        await Assert.ThrowsAsync<InvalidOperationException>(() => throws.Completed.WaitAsync(TinyModel.Patience));

        Assert.Equal(25, frames.Count);
        Assert.Equal("no more room", throws.Fault!.Message);
        Assert.Equal(["well", "stuck"], host.Sessions.Select(s => s.Name));
        free.Set();
        stuck.Dispose();
    }

    [Fact]
    public async Task Device_AStreamThatFailsInASharedPass_FailsAlone()
    {
        using var host = tiny.Host(TinyModel.Together());
        var frames = new GivenFrames();
        using var well = host.Start(TinyModel.Patient("well"), frames.Add);
        using var bad = host.Start(TinyModel.Patient("bad"), f => f.Frame.Dispose());
        bad.Stream.Running = () => throw new InvalidOperationException("bad stream");
        foreach (var session in new[] { well, bad })
            tiny.Feed(session, 0, 25);
        well.Finish();
        await well.Completed.WaitAsync(TinyModel.Patience);
        Assert.Equal(25, frames.Count);
        await Assert.ThrowsAsync<PipelineException>(() => bad.Completed.WaitAsync(TinyModel.Patience));
    }

    [Fact]
    public async Task Session_TransformerDoesNotKeepUp_OneGroupWaitsEncodedAndTheNewestFramesBehindIt()
    {
        var gate = new Gate(TinyModel.Together());
        using var host = tiny.Host(gate);
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one") with { KeepsAll = false, HoldsLittle = true }, frames.Add);
        tiny.Feed(session, 0, 5);
        await TinyModel.Until(() => session.Stream.Lanes.InFlight == 1);
        tiny.Feed(session, 5, 50);
        await TinyModel.Until(() => session.Stream.Waiting == 1);
        Assert.Equal(42, session.Lost);
        gate.IsOpen = true;
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        Assert.Equal(new[] { 0, 1, 2, 3, 4, 5, 6, 7, 8, 51, 52, 53, 54 }.Select(i => TimeSpan.FromMilliseconds(60 * i)), frames.Taken);
    }

    [Fact]
    public async Task Session_PicturesEncodedWhileTheirGroupIsCollected_GiveTheSameFrames_AlsoWhereSomeAreLeftOut()
    {
        using var host = tiny.Host(new FixedSequential());
        var (whole, early, chunks) = (new GivenFrames(), new GivenFrames(), new ConcurrentQueue<ChunkTrace>());
        using var live = host.Start(TinyModel.Patient("live") with { KeepsAll = false, Traced = chunks.Enqueue }, early.Add);
        var given = 0;
        (int, int, bool)[] groups = [(0, 5, false), (5, 4, false), (9, 3, true), (12, 4, false), (16, 3, false)];
        foreach (var (from, count, isLeftOut) in groups)
        {
            for (var i = from; i < from + count; i++)
                tiny.Feed(live, i, 1);
            if (isLeftOut)
            {
                // They are with the encoder already.
                live.Discontinue();
                continue;
            }
            given += count;
            if (from == 16)
                break;
            await TinyModel.Until(() => early.Count == given);
        }
        live.Finish();
        await live.Completed.WaitAsync(TinyModel.Patience);
        // Not beside it: passes that both share round differently.
        using var file = host.Start(TinyModel.Patient("file"), whole.Add);
        foreach (var (from, count, _) in groups.Where(g => !g.Item3))
            tiny.Feed(file, from, count);
        file.Finish();
        await file.Completed.WaitAsync(TinyModel.Patience);
        Assert.Equal(whole.Taken, early.Taken);
        Assert.True(whole.IsSameAs(early));
        Assert.Equal(3, live.Lost);
        Assert.All(chunks, c => Assert.True(c.Prepared > TimeSpan.Zero));
        Assert.Equal((4, given), (chunks.Count, early.Count));
    }

    [Fact]
    public async Task Dispose_WhileSessionsBegin_EndsThemAll()
    {
        for (var round = 0; round < 3; round++)
        {
            var host = tiny.Host();
            var begun = new System.Collections.Concurrent.ConcurrentBag<Session>();
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
            await Task.Run(host.Dispose).WaitAsync(TinyModel.Patience);
            await Task.WhenAll(starts).WaitAsync(TinyModel.Patience);
            Assert.All(begun, s => Assert.True(s.IsOver));
        }
    }

    private async Task<List<GivenFrames>> RunTogether(IBatchPolicy policy, (string Prompt, int Steps)[] streams)
    {
        using var host = tiny.Host(policy);
        var sessions = new List<(Session Session, GivenFrames GivenFrames)>();
        for (var i = 0; i < streams.Length; i++)
        {
            var frames = new GivenFrames();
            sessions.Add((host.Start(TinyModel.Patient($"s{i}", streams[i].Steps, streams[i].Prompt, seed: streams[i].Steps), frames.Add),
                frames));
        }
        foreach (var (session, _) in sessions)
        {
            tiny.Feed(session, 0, 41);
            session.Finish();
        }
        foreach (var (session, _) in sessions)
        {
            await session.Completed.WaitAsync(TinyModel.Patience);
            session.Dispose();
        }
        return [.. sessions.Select(s => s.GivenFrames)];
    }
}
