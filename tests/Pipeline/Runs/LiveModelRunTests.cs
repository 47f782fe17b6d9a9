using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs with the model.</summary>
public sealed class LiveModelRunTests : LiveRunTest
{
    [Fact]
    public void Run_WithTheModel_GivesItsFrames() => AssertGivesItsFrames(null);

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_WithTheModelAndADeadline_GivesItsFrames() => AssertGivesItsFrames(4000);

    private void AssertGivesItsFrames(double? deadline)
    {
        var result = Run("test:testsrc2?size=128x96&rate=8&duration=2", Folder.File("out.mp4"),
            o => o.With("model tiny", "size 96x64", "steps 1", "fps 8",
                deadline is null ? null : FormattableString.Invariant($"deadline {deadline}")));
        // Also those that were on their way when the input ended.
        Assert.Equal(16, result.Status.FramesIn);
        Assert.Equal(16, result.Status.FramesNew + result.Status.Dropped);
        Assert.InRange(result.Status.FramesNew, 1, 16);
        Assert.NotEmpty(TestFolder.FrameTimes(Folder.File("out.mp4")));
    }

    [Fact]
    public void Run_WithTheModelOnRanks_GivesItsFrames()
    {
        // More chunks are under way than on one rank: with too few places for them nothing would ever come out.
        var result = Run("test:testsrc2?size=128x96&rate=24&duration=2", Folder.File("out.mp4"),
            o => o.With("model tiny", "size 64x64", "steps 2", "fps 24", "ranks cpu,cpu,cpu", "threads 1"));
        Assert.InRange(result.Status.FramesNew, 1, 48);
    }

    // Pictures of before would come out Pause seconds old; how old others are depends on the machine, but none is older than its source.
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Run_WithTheModelSourceComesBack_NothingOfBeforeIsShownOrMeasured()
    {
        const int Pause = 8;
        var port = Port();
        var run = Task.Run(() =>
            Run($"rtmp://127.0.0.1:{port}/live/k?listen=1", "null:",
                o => o.With("model tiny", "size 96x64", "steps 2", "fps 8")));
        WaitFor("waiting");
        using (Publisher(port))
            WaitFor(() => Statuses.Any(s => s.FramesNew > 0), "no picture came out");
        Assert.False(Stop.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(Pause)));
        LiveStatus[] After() => [.. Statuses.Where(s => s.SourceReopened == 1)];
        using (Publisher(port))
            WaitFor(() => After() is [var first, .., var last] && last.FramesNew - first.FramesNew > 8,
                "no new pictures after the source came back");
        await Stop.CancelAsync();
        await run;
        // What the model held when the source went was Pause seconds old when it came out.
        var usual = Statuses.Where(s => s.SourceReopened == 0).Max(s => s.LatencyP95);
        var back = News.Where(n => n.State == "open" && n.Part.StartsWith("source", StringComparison.Ordinal)).ElementAt(1).At;
        Assert.All(After(), s => Assert.InRange(
            s.LatencyP95, TimeSpan.Zero, Max(usual, s.Elapsed - back) + TimeSpan.FromSeconds(1)));

        static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
    }
}
