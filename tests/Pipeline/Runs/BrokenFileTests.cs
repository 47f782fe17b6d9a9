using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Files that are played and do not come to a good end.</summary>
public sealed class BrokenFileTests : LiveRunTest
{
    [Fact]
    public void Run_FileIsCutOff_SaysSo()
    {
        var clip = Clip(frames: 25);
        File.WriteAllBytes(clip, File.ReadAllBytes(clip)[..(int)(new FileInfo(clip).Length / 3)]);

        Run(clip, Folder.File("out.mkv"));

        Assert.Contains(News, n => n is { IsTrouble: true, State: "note" } && n.Text.Contains("looks truncated", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_FileBreaksAfterItsFirstPictures_IsAnErrorAndTheRecordingIsWhole()
    {
        var seen = 0;

        var error = Assert.Throws<MediaException>(() => Play((run, outputs) => new Path(run)
        {
            Offered = () =>
            {
                if (++seen < 5)
                    return;
                WaitFor(() => outputs.Status.Any(o => o.Sent > 0), "nothing was ever recorded");
                throw new MediaException("it broke");
            },
        }));

        Assert.Equal("it broke", error.Message);
        Assert.NotEmpty(TestFolder.FrameTimes(Folder.File("out.mp4")));
    }

    [Fact]
    public void Run_TheModelFailsAtTheVeryEnd_IsAnError() =>
        Assert.Equal("the last chunk", Assert.Throws<InvalidOperationException>(() => Play((run, _) => new Path(run)
        {
            AtEnd = () => throw new InvalidOperationException("the last chunk"),
        })).Message);

    private string Clip(int frames) =>
        Folder.Make("in.mkv", $"-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v {frames} -pix_fmt yuv420p -bf 0");

    private void Play(Func<LiveRun, LiveOutputs, ILivePath> path)
    {
        var options = RestyleOptions.Of(Clip(frames: 10), Folder.File("out.mp4"))
            .With("model passthrough", "size 64x64", "live true", "preset ultrafast");
        var clock = new LiveClock(TimeProvider.System);
        using var outputs = LiveRestyle.OutputsOf(options, (64, 64), clock, News.Enqueue);
        LiveRestyle.Run(
            options, (64, 64), clock, outputs, run => path(run, outputs), News.Enqueue, new Progress<LiveStatus>(), Stop.Token);
    }

    // Frames as they are, and a model's faults.
    private sealed class Path(LiveRun run) : ILivePath
    {
        private bool _isOver;

        public Action Offered { get; init; } = () => { };

        public Action AtEnd { get; init; } = () => { };

        public long Dropped => 0;

        public void Offer(VideoFrame frame, TimeSpan taken)
        {
            run.Finished(frame, taken);
            Offered();
        }

        public void Discontinue()
        {
        }

        public void Finish() => _isOver = true;

        public void ThrowIfFailed()
        {
            if (_isOver)
                AtEnd();
        }

        public void Dispose()
        {
        }
    }
}
