using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;

namespace StreamDiff.Pipeline.Tests.Control.Steering;

public sealed class StreamControlsTests
{
    private static readonly Func<ControlChange, Task> Ready = _ => Task.CompletedTask;

    [Fact]
    public async Task Take_ChangesGiven_TakeEffectTogetherInOrder()
    {
        var controls = Open();
        var noise = controls.Apply(new NoiseScaleChange(0.4));
        var seed = controls.Apply(new SeedChange(7));
        Assert.Equal([new AppliedChange(noise.Change, 3, 13), new AppliedChange(seed.Change, 3, 13)], controls.Take(Span(3)));
        Assert.Equal(3, (await noise.Effect).Chunk);
        Assert.Equal(13, (await seed.Effect).Frame);
        Assert.Empty(controls.Take(Span(4)));
    }

    [Fact]
    public void Take_ChangeThatSomebodyWaitsFor_IsToldOfBeforeTheWaitEnds()
    {
        var controls = Open();
        var change = controls.Apply(new SeedChange(7));
        bool? wasOver = null;
        controls.Applied += _ => wasOver = change.Effect.IsCompleted;
        controls.Take(Span(1));
        Assert.Equal((false, true), (wasOver, change.Effect.IsCompleted));
    }

    [Fact]
    public void Take_PromptNotReady_WaitsWithoutStoppingTheStreamAndKeepsTheOrder()
    {
        var encoded = new TaskCompletionSource();
        var controls = Open(c => c is PromptChange ? encoded.Task : Task.CompletedTask);
        controls.Apply(new PromptChange("x"));
        controls.Apply(new SeedChange(1));
        Assert.Empty(controls.Take(Span(1)));
        Assert.Equal(2, controls.Waiting);
        encoded.SetResult();
        Assert.Equal(2, controls.Take(Span(2)).Count);
    }

    [Fact]
    public void Apply_MoreThanAStreamThatStandsStillShouldKeep_IsRefusedUntilItGoesOn()
    {
        var controls = Open();
        for (var i = 0; i < 256; i++)
            controls.Apply(new SeedChange(i));
        Assert.Equal("256 changes wait for the next chunk already: the stream must take some of them first",
            Assert.Throws<ControlException>(() => controls.Apply(new SeedChange(0))).Message);
        Assert.Equal(256, controls.Take(Span(1)).Count);
        controls.Apply(new SeedChange(1));
    }

    [Fact]
    public void Apply_Several_AllOrNone()
    {
        var controls = Open();
        var given = 0;
        controls.Given += () => given++;
        Assert.Throws<ControlException>(() => controls.Apply([.. Enumerable.Range(0, 257).Select(i => new SeedChange(i))]));
        Assert.Throws<ControlException>(() => controls.Apply([new SeedChange(1), new StepsChange(99)]));
        Assert.Equal((0, 0), (controls.Waiting, given));
        // Signals are played: they wait for nothing, and nobody has set anything.
        controls.Apply([new SignalChange("fader", 0.5)]);
        Assert.Equal((0, 0), (controls.Waiting, given));
        controls.Apply([.. Enumerable.Range(0, 256).Select(i => new SeedChange(i))]);
        Assert.Equal((256, 1), (controls.Waiting, given));
        controls.Apply([new SignalChange("fader", 0.6)]);
    }

    [Fact]
    public void Apply_SeveralAndOneNeedsPreparation_TheyTakeEffectTogether()
    {
        var encoded = new TaskCompletionSource();
        var controls = Open(c => c is PromptChange ? encoded.Task : Task.CompletedTask);
        controls.Apply([new SeedChange(1), new PromptChange("x"), new NoiseScaleChange(0.3)]);
        Assert.Empty(controls.Take(Span(1)));
        encoded.SetResult();
        Assert.Equal(3, controls.Take(Span(2)).Count);
    }

    [Fact]
    public void Take_Timeline_ComesAtItsPlaceBeforeWhatIsGiven()
    {
        var controls = new StreamControls(
            new Timeline([new(new TimelinePoint(Frame: 7), new StepsChange(3)), new(new TimelinePoint(Chunk: 1), new SeedChange(2))]));
        controls.Open(ControlLimits.Widest, Ready);
        Assert.Empty(controls.Take(Span(0)));
        controls.Apply(new NoiseScaleChange(0.5));
        Assert.Equal([new StepsChange(3), new SeedChange(2), (ControlChange)new NoiseScaleChange(0.5)],
            controls.Take(Span(1)).Select(a => a.Change));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Take_PromptOfTheTimelineThatIsNotReady_OnlyAFileWaitsForIt(bool isFile)
    {
        var encoded = new TaskCompletionSource();
        var controls = new StreamControls(new Timeline(
            [
                new(new TimelinePoint(Chunk: 2), new SeedChange(2)),
                new(new TimelinePoint(Chunk: 1), new PromptChange("x")),
                new(new TimelinePoint(Chunk: 0), new SeedChange(0)) { Every = 1, Until = new(Chunk: 3) },
            ]), isOpenEnded: false);
        controls.Open(ControlLimits.Widest, c => c is PromptChange ? encoded.Task : Task.CompletedTask, waits: isFile);
        Assert.Equal(["seed 0"], await Taken(0));
        Assert.Equal(!isFile, controls.IsReady(Span(1)));
        if (isFile)
        {
            var taken = Taken(1);
            Assert.False(taken.IsCompleted);
            encoded.SetResult();
            Assert.Equal(["prompt \"x\"", "seed 0"], await taken);
            Assert.True(controls.IsReady(Span(2)));
            Assert.Equal(["seed 2", "seed 0"], await Taken(2));
            return;
        }
        // What is due stays in the order in which it became so; what comes again comes once.
        Assert.Empty(await Taken(1));
        Assert.Empty(await Taken(2));
        encoded.SetResult();
        Assert.Equal(["prompt \"x\"", "seed 0", "seed 2"], await Taken(3));
        Assert.Equal(0, controls.Waiting);

        // Whoever waits would do so for ever.
        Task<List<string>> Taken(int chunk) => Task.Run(() => controls.Take(Span(chunk)).Select(a => a.Change.ToString()).ToList())
            .WaitAsync(TimeSpan.FromMinutes(1));
    }

    [Fact]
    public void Apply_OutOfRange_IsRefusedAtOnce()
    {
        var controls = new StreamControls();
        controls.Open(new ControlLimits
        {
            MostSteps = 2,
            WindowFrames = 6,
            Refused = new Dictionary<Type, string> { [typeof(SeedChange)] = "no seeds here" },
        }, Ready);
        Assert.Equal("steps must be from 1 to 2, not 3", Assert.Throws<ControlException>(() => controls.Apply(new StepsChange(3))).Message);
        Assert.Equal("sinks (6) must be less than the window (6)",
            Assert.Throws<ControlException>(() => controls.Apply(new SinksChange(6))).Message);
        Assert.Equal("noise must be from 0.1 to 1, not NaN",
            Assert.Throws<ControlException>(() => controls.Apply(new NoiseScaleChange(double.NaN))).Message);
        Assert.Equal("no seeds here", Assert.Throws<ControlException>(() => controls.Apply(new SeedChange(3))).Message);
        Assert.Equal(0, controls.Waiting);
    }

    [Fact]
    public void Open_TimelineThatCannotBe_Throws()
    {
        var controls = new StreamControls(new Timeline([new(new TimelinePoint(Frame: 7), new StepsChange(4))]));
        Assert.Equal("timeline at frame 7: steps must be from 1 to 2, not 4",
            Assert.Throws<ControlException>(() => controls.Open(new ControlLimits { MostSteps = 2 }, Ready)).Message);
    }

    [Fact]
    public async Task Open_ChangesGivenBefore_AreKeptOrFail()
    {
        var controls = new StreamControls();
        var good = controls.Apply(new StepsChange(2));
        var bad = controls.Apply(new StepsChange(4));
        controls.Open(new ControlLimits { MostSteps = 2 }, Ready);
        Assert.Equal(good.Change, Assert.Single(controls.Take(Span(0))).Change);
        await Assert.ThrowsAsync<ControlException>(() => bad.Effect);
    }

    [Fact]
    public async Task Take_PreparationFails_TheStreamGoesOn()
    {
        var told = new List<string>();
        var controls = Open(_ => Task.FromException(new ControlException("no text encoder")));
        controls.Failed += told.Add;
        var change = controls.Apply(new PromptChange("x"));
        Assert.Empty(controls.Take(Span(0)));
        Assert.Equal("prompt \"x\": no text encoder", Assert.Single(told));
        await Assert.ThrowsAsync<ControlException>(() => change.Effect);
    }

    [Fact]
    public async Task Close_WhatWaits_Fails()
    {
        var controls = Open();
        var change = controls.Apply(new SeedChange(1));
        controls.Close();
        await Assert.ThrowsAsync<ControlException>(() => change.Effect);
        Assert.Throws<ControlException>(() => controls.Apply(new SeedChange(2)));
    }

    [Fact]
    public void Apply_FromManyThreads_LosesNothing()
    {
        // As many as may wait, so that none is refused however seldom they are taken.
        const int Threads = 4, Each = 64;
        var controls = Open();
        var taken = new List<AppliedChange>();
        var work = Enumerable.Range(0, Threads).Select(t => Task.Run(() =>
        {
            for (var i = 0; i < Each; i++)
                controls.Apply(new SeedChange(t * Each + i));
        })).ToArray();
        for (var chunk = 0L; !Task.WhenAll(work).IsCompleted || controls.Waiting > 0; chunk++)
            taken.AddRange(controls.Take(Span(chunk)));
        Assert.Equal(Threads * Each, taken.Select(a => ((SeedChange)a.Change).Seed).Distinct().Count());
        foreach (var thread in taken.Select(a => ((SeedChange)a.Change).Seed).GroupBy(s => s / Each))
            Assert.Equal(thread.Order(), thread);
    }

    private static StreamControls Open(Func<ControlChange, Task>? prepare = null)
    {
        var controls = new StreamControls();
        controls.Open(ControlLimits.Widest, prepare ?? Ready);
        return controls;
    }

    private static ChunkSpan Span(long chunk) => new(chunk, chunk == 0 ? 0 : 4 * chunk + 1, 4 * chunk + 4, TimeSpan.FromSeconds(chunk + 1));
}
