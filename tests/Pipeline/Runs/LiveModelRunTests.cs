using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs with the model.</summary>
public sealed class LiveModelRunTests : LiveRunTest
{
    [Theory]
    [InlineData(null)]
    [InlineData(4000.0)]
    public void Run_WithTheModel_GivesItsFrames(double? deadline)
    {
        var result = Run("test:testsrc2?size=128x96&rate=8&duration=2", Folder.File("out.mp4"),
            o => o with { Model = "tiny", Size = (96, 64), Steps = 1, Fps = "8", Deadline = deadline });
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
            o => o with { Model = "tiny", Size = (64, 64), Steps = 2, Fps = "24", Ranks = "cpu,cpu,cpu", Threads = 1 });
        Assert.InRange(result.Status.FramesNew, 1, 48);
    }

    // Pictures of before would come out Pause seconds old; how old others are depends on the machine.
    [Fact]
    [Trait("Category", "Slow")]
    public async Task Run_WithTheModelSourceComesBack_NothingOfBeforeIsShownOrMeasured()
    {
        const int Pause = 8;
        var port = Port();
        var run = Task.Run(() =>
            Run($"rtmp://127.0.0.1:{port}/live/k?listen=1", "null:",
                o => o with { Model = "tiny", Size = (96, 64), Steps = 2, Fps = "8" }));
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
        Assert.All(After(), s => Assert.InRange(s.LatencyP95.TotalSeconds, 0, Pause - 1));
    }
}
