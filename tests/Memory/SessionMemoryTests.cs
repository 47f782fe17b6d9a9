using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Pipeline.Tests.Host;
using StreamDiff.Scheduling.Slo;
using static TorchSharp.torch;

namespace StreamDiff.Memory.Tests;

/// <summary>Sessions and prompts come and go, and nothing of them stays.</summary>
public sealed class SessionMemoryTests(TinyModel tiny) : IClassFixture<TinyModel>
{
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
            var frames = new GivenFrames();
            using (var stays = host.Start(TinyModel.Patient("stays"), frames.Add))
            {
                tiny.Feed(stays, 0, 13);
                // One of another size has a pool of its own; it is ended with chunks in flight.
                var request = TinyModel.Patient("goes", steps: 1 + round % 4);
                using (var goes = host.Start(request with { Size = (96, 64) }, f => f.Frame.Dispose()))
                    tiny.Feed(goes, 0, 30);
                stays.Finish();
                await stays.Completed.WaitAsync(TinyModel.Patience);
            }
            Assert.Equal(13, frames.Count);
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
    public async Task Read_ManyPrompts_RemembersTheLast32AndOneAtATime()
    {
        // What earlier tests left goes now, not while this one counts.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;
        var (underWay, most) = (0, 0);
        using (var reader = new PromptReader(tiny.Loaded.LoadTextEncoder))
        {
            reader.Reading = _ =>
            {
                most = Math.Max(most, Interlocked.Increment(ref underWay));
                // Room for another one to come in, if it could.
                Thread.Sleep(2);
                Interlocked.Decrement(ref underWay);
            };
            var asked = Enumerable.Range(0, PromptReader.MostKnown + 8).Select(i => Task.Run(() => Read(reader, $"prompt {i}"))).ToArray();
            await Task.WhenAll(asked).WaitAsync(TinyModel.Patience);
            Assert.Equal((1, PromptReader.MostKnown), (most, reader.Known));
            // Asked for again, it is the one to be forgotten last.
            await Read(reader, "first");
            // In this order, and together: the encoder is let go when nobody waits for it.
            await Task.WhenAll(Enumerable.Range(0, PromptReader.MostKnown - 1).Select(i => Read(reader, $"later {i}")));
            var loads = reader.Loads;
            await Read(reader, "first");
            await Read(reader, "one more");
            await Read(reader, "first");
            Assert.Equal(loads + 1, reader.Loads);
            Assert.Equal(PromptReader.MostKnown, reader.Known);
        }
        Assert.Equal(before, Tensor.TotalCount);

        async Task Read(PromptReader reader, string prompt)
        {
            var (embeddings, reading) = await reader.Read(prompt, () => true);
            Assert.Equal(prompt, reading.Prompt);
            embeddings.Dispose();
        }
    }
}
