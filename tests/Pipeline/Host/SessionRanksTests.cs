using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Pipeline.Tests.Host;

/// <summary>Many sessions on one ring of ranks.</summary>
public sealed class SessionRanksTests(TinyModel tiny) : IClassFixture<TinyModel>
{
    private static readonly (string Prompt, int Steps)[] Streams = [("a watercolor", 2), ("neon", 3), ("a blueprint", 1)];

    [Fact]
    public async Task Sessions_OnRanks_GiveTheFramesOfOneDevice()
    {
        List<GivenFrames> here;
        using (var host = tiny.Host(new FixedStreamBatch()))
            here = await Run(host);
        using var model = Ranks();
        using (var host = Host(model, new FixedStreamBatch()))
        {
            var there = await Run(host);
            for (var i = 0; i < here.Count; i++)
                here[i].AssertSame(there[i]);
        }
        // The ring is there for those who come later.
        using (var host = Host(model, new DeadlineBatchPolicy(new LatencyModel(new LatencyTerms(0.002, 5e-5, 0, 0, 0)))))
            Assert.All(await Run(host), p => Assert.Equal(29, p.Count));
    }

    // Which rows share a tick must not depend on how fast the ranks are: sums are taken in another order in other company.
    [Fact]
    public async Task Session_OnRanks_GivesTheSameBitForBitEveryTime()
    {
        using var model = Ranks();
        GivenFrames? expected = null;
        for (var run = 0; run < 3; run++)
        {
            var controls = new StreamControls(new Timeline(
            [
                new(new TimelinePoint(Chunk: 4), new PauseChange(true)), new(new TimelinePoint(Chunk: 6), new PauseChange(false)),
                new(new TimelinePoint(Chunk: 7), new StepsChange(2)),
            ]));
            using var host = Host(model, new FixedStreamBatch());
            var frames = new GivenFrames();
            using var session = host.Start(TinyModel.Patient("one", steps: 3) with { Controls = controls }, frames.Add);
            // Sometimes the next chunk is there before the ring has done anything, sometimes long after.
            for (var frame = 0; frame < 41; frame++)
            {
                tiny.Feed(session, frame, 1);
                if (run > 0 && frame % (3 * run) == 0)
                    await Task.Delay(7 * run);
            }
            session.Finish();
            await session.Completed.WaitAsync(TinyModel.Patience);
            Assert.Equal(41, frames.Count);
            expected ??= frames;
            Assert.True(expected.IsSameAs(frames));
        }
    }

    [Fact]
    public async Task Session_OnRanks_TakesEveryChange()
    {
        using var model = Ranks();
        using var host = Host(model, TinyModel.Together());
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one"), frames.Add);
        tiny.Feed(session, 0, 13);
        ControlChange[] changes = [new PromptChange("van gogh", 2), new StepsChange(4), new NoiseScaleChange(0.4), new SeedChange(9),
            new SinksChange(2, 0.5), new PauseChange(true)];
        var pending = changes.Select(session.Controls.Apply).ToList();
        await session.Controls.Prepared.WaitAsync(TinyModel.Patience);
        tiny.Feed(session, 13, 8);
        await pending[^1].Effect.WaitAsync(TinyModel.Patience);
        var resumed = session.Controls.Apply(new PauseChange(false));
        tiny.Feed(session, 21, 12);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        await resumed.Effect.WaitAsync(TinyModel.Patience);
        Assert.Equal(4, session.Statistics.Steps);
        Assert.Equal(0, session.Statistics.Dropped);
    }

    [Fact]
    public async Task Session_TooLargeForARank_IsRefused_AndTheOthersGoOn()
    {
        using var model = Ranks();
        using var host = Host(model, TinyModel.Together());
        var frames = new GivenFrames();
        using var session = host.Start(TinyModel.Patient("one"), frames.Add);
        tiny.Feed(session, 0, 13);
        var large = TinyModel.Patient("large") with { Size = (1024, 1024) };
        var refused = Assert.Throws<ModelException>(
            () => host.Start(large with { Sampling = large.Sampling with { WindowFrames = 30_000 } }, _ => Assert.Fail("a frame")));
        Assert.Matches("^rank local:0: a KV cache of 30000 latent frames and .* would take .* are free$", refused.Message);
        tiny.Feed(session, 13, 16);
        session.Finish();
        await session.Completed.WaitAsync(TinyModel.Patience);
        Assert.Equal((29, 0), (frames.Count, model.Ticks.Recoveries));
    }

    private static LoadedModel Ranks() =>
        LoadedModel.Open(TestOptions.OneThread with { Ranks = RankList.Parse("cpu,cpu") });

    private static SessionHost Host(LoadedModel model, IBatchPolicy policy) =>
        new(model, new HostOptions(), policy, new LiveClock(TimeProvider.System));

    private async Task<List<GivenFrames>> Run(SessionHost host)
    {
        var sessions = new List<(Session Session, GivenFrames GivenFrames)>();
        for (var i = 0; i < Streams.Length; i++)
        {
            var frames = new GivenFrames();
            sessions.Add((host.Start(TinyModel.Patient($"s{i}", Streams[i].Steps, Streams[i].Prompt, seed: i), frames.Add), frames));
        }
        foreach (var (session, _) in sessions)
        {
            tiny.Feed(session, 0, 29);
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
