namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs of sources that come and go, or come in pieces.</summary>
public sealed class LiveSourceRunTests : LiveRunTest
{
    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("slate")]
    [InlineData("last")]
    public async Task Run_SourceLeavesAndComesBack_FallbackMeanwhile(string fallback)
    {
        var port = Port();
        var run = Task.Run(() =>
            Run($"rtmp://127.0.0.1:{port}/live/k?listen=1", Folder.File("out.mp4"), o => o.With($"fallback {fallback}")));
        WaitFor("waiting");
        Publish(port, seconds: 1);
        WaitFor("fallback");
        Publish(port, seconds: 1);
        WaitFor("live");
        // The first publisher was live too.
        WaitFor(() => Statuses.Any(s => s.SourceReopened > 0), "the source never came back");
        await Stop.CancelAsync();
        var status = (await run).Status;
        Assert.Equal(1, status.SourceReopened);
        Assert.Contains(News, n => n.State == "lost");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Playlist_FramesComeAtTheirTimesNotAtOnce()
    {
        TestFolder.Command("ffmpeg",
            $"-v error -f lavfi -i testsrc2=size=320x192:rate=30 -t 6 -c:v libx264 -preset ultrafast -g 30 -f hls -hls_time 1 "
            + $"-hls_list_size 0 {Folder.File("live.m3u8")}");
        using var server = new FileServer(Folder.File(""));
        var result = Run($"{server.Address}/live.m3u8", "null:", o => o.With("duration 3"));
        // Pieces of a second: were they shown as they arrive, twenty-nine of thirty frames would be dropped.
        Assert.True(result.Status.FramesNew > 20, $"{result.Status.FramesNew} of {result.Status.FramesIn} pictures were shown");
        Assert.DoesNotContain(News, n => n.State == "lost");
    }
}
