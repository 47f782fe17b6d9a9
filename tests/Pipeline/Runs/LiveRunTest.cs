using System.Collections.Concurrent;
using System.Diagnostics;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>A whole live run, against ffmpeg and on loopback.</summary>
public abstract class LiveRunTest : IDisposable
{
    private protected TestFolder Folder { get; } = new();

    // Only for what hangs: a busy machine makes everything many times slower.
    private protected CancellationTokenSource Stop { get; } = new(TimeSpan.FromMinutes(10));

    private protected ConcurrentQueue<LiveEvent> News { get; } = new();

    private protected ConcurrentQueue<LiveStatus> Statuses { get; } = new();

    /// <summary>Called after each status.</summary>
    private protected Action Reported { get; set; } = () => { };

    public void Dispose()
    {
        Stop.Dispose();
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected LiveResult Run(string input, string output, Func<RestyleOptions, RestyleOptions>? change = null)
    {
        var options = RestyleOptions.Of(input, output.Split('\n'))
            .With("model passthrough", "size 320x192", "live true", "preset ultrafast");
        return LiveRestyle.Run(change?.Invoke(options) ?? options, News.Enqueue, new Progress(this), Stop.Token);
    }

    /// <summary>
    /// A run of a test picture that lasts as long as it says, in seconds: once more and longer where the machine was so busy that its
    /// outputs were not open in time. The last one counts in any case.
    /// </summary>
    private protected LiveResult RunLongEnough(Func<int, LiveResult> run, Func<LiveResult, bool> isEnough)
    {
        for (var seconds = 2; ; seconds *= 4)
        {
            News.Clear();
            Statuses.Clear();
            var result = run(seconds);
            if (isEnough(result) || seconds > 100)
                return result;
        }
    }

    private protected static void Publish(int port, int seconds) => TestFolder.Command(
        "ffmpeg",
        $"-v error -re -f lavfi -i testsrc2=size=320x192:rate=30 -t {seconds} -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt "
        + $"yuv420p -g 30 -f flv rtmp://127.0.0.1:{port}/live/k");

    // Publishes until it is disposed, and ends as a crash would.
    private protected static Publishing Publisher(int port) =>
        new(
            $"-v error -nostdin -re -f lavfi -i testsrc2=size=320x192:rate=30 -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt "
            + $"yuv420p -g 30 -f flv rtmp://127.0.0.1:{port}/live/k");

    // The same with a tone, to any address.
    private protected static Publishing PublisherWithSound(string format, string address) =>
        new(
            $"-v error -nostdin -re -f lavfi -i testsrc2=size=320x192:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 "
            + $"-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30 -c:a aac -f {format} {address}");

    private protected void WaitFor(string state) => WaitFor(() => News.Any(n => n.State == state), $"'{state}' never came");

    private protected void WaitFor(Func<bool> condition, string otherwise)
    {
        while (!condition())
            Assert.False(Stop.Token.WaitHandle.WaitOne(20), otherwise);
    }

    private protected static int Port()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    private protected static double Number(string text) => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private protected sealed class Publishing(string arguments) : IDisposable
    {
        private readonly Process _ffmpeg = Process.Start("ffmpeg", arguments);

        /// <summary>Stands still for a while, as a machine that is busy with something else.</summary>
        public void StandStill(TimeSpan time)
        {
            TestFolder.Command("kill", $"-STOP {_ffmpeg.Id}");
            Thread.Sleep(time);
            TestFolder.Command("kill", $"-CONT {_ffmpeg.Id}");
        }

        /// <summary>Waits until it has ended by itself.</summary>
        public void WaitForEnd() => _ffmpeg.WaitForExit();

        public void Dispose()
        {
            _ffmpeg.Kill();
            _ffmpeg.WaitForExit();
            _ffmpeg.Dispose();
        }
    }

    private sealed class Progress(LiveRunTest test) : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value)
        {
            test.Statuses.Enqueue(value);
            test.Reported();
        }
    }
}
