using System.Net;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>A file on the web whose server sends a part of it and then nothing.</summary>
public sealed class StandingInputTests : IDisposable
{
    // Bytes: the last frames and what follows them.
    private const int Unsent = 5000;

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Run_CancelledWhileNothingComes_FinishesWhatWasRead()
    {
        var clip = _folder.Make("in.mkv", "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 30 -g 5 -pix_fmt yuv420p -bf 0");
        using var stop = new CancellationTokenSource();
        using var server = new StandingServer(File.ReadAllBytes(clip)[..^Unsent]);
        var options = RestyleOptions.Of(server.Address, _folder.File("out.mp4")).With("prompt a test", "steps 1") with
        {
            Frame = new() { Size = (64, 64) },
        };
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        var run = Task.Run(() => FileRestyle.Run(options, new Watcher(begun), stop.Token));
        await Task.WhenAll(begun.Task, server.Sent);
        // By then it stands still, on any machine that is not far too busy.
        stop.CancelAfter(TimeSpan.FromSeconds(3));
        var result = await run.WaitAsync(TimeSpan.FromMinutes(3));

        Assert.True(result.Cancelled);
        // It did not wait for the input to be given up.
        Assert.DoesNotContain(result.Notes, n => n.Contains("sends nothing", StringComparison.Ordinal));
        Assert.Equal(result.Progress.FramesIn, result.Progress.FramesOut);
        Assert.Equal(result.Progress.FramesOut, TestFolder.FrameTimes(_folder.File("out.mp4")).Count);
    }

    [Theory]
    [InlineData("http://host/film.mp4", 30.0)]
    [InlineData("film.mp4", null)]
    [InlineData("test:testsrc2", null)]
    public void Source_OfTheWebAlone_IsGivenUpWhenItStandsStill(string input, double? seconds)
    {
        using var frames = new FramePool();
        Assert.Equal(seconds, RestyleOptions.Of(input, "null:").Source((64, 64), frames).StallTimeout?.TotalSeconds);
    }

    // Told when frames have been read.
    private sealed class Watcher(TaskCompletionSource begun) : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
            if (value.FramesIn > 0)
                begun.TrySetResult();
            else
                // Long enough for the first frame to be worth a report.
                Thread.Sleep(300);
        }
    }

    private sealed class StandingServer : IDisposable
    {
        private readonly HttpListener _listener = new();
        private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Task _serving;

        public StandingServer(byte[] bytes)
        {
            Address = $"http://127.0.0.1:{FileServer.FreePort()}/";
            _listener.Prefixes.Add(Address);
            _listener.Start();
            _serving = Task.Run(() => Serve(bytes));
            Address += "in.mkv";
        }

        public string Address { get; }

        public TaskCompletionSource Sending { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Sent => Sending.Task;

        public void Dispose()
        {
            _over.SetResult();
            _serving.Wait();
            _listener.Close();
        }

        private async Task Serve(byte[] bytes)
        {
            var request = await _listener.GetContextAsync();
            request.Response.SendChunked = true;
            await request.Response.OutputStream.WriteAsync(bytes);
            await request.Response.OutputStream.FlushAsync();
            Sending.SetResult();
            // The end never comes.
            await _over.Task;
            request.Response.Abort();
        }
    }
}
