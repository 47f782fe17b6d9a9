using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs, without a model and with it, against ffmpeg and on loopback.</summary>
public sealed class LiveRunTests : IDisposable
{
    private readonly TestFolder _folder = new();
    // Only for what hangs: a busy machine makes everything many times slower.
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromMinutes(10));
    private readonly ConcurrentQueue<LiveEvent> _news = new();
    private readonly ConcurrentQueue<LiveStatus> _statuses = new();
    private Action _reported = () => { };

    public void Dispose()
    {
        _stop.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Run_TestPictureToFile_HasAConstantRateAndSound()
    {
        var result = Run("test:testsrc2?size=320x192&rate=30&duration=2", _folder.File("out.mp4"));
        Assert.False(result.Cancelled);
        var times = TestFolder.FrameTimes(_folder.File("out.mp4")).Select(Number).ToArray();
        Assert.InRange(times.Length, 30, 1000);
        // Every frame on the grid; on a machine without a moment to spare some places stay empty.
        Assert.All(times, time => Assert.Equal(Math.Round(time * 30), time * 30, 0.02));
        Assert.StartsWith("aac",
            TestFolder.Command("ffprobe",
                $"-v error -select_streams a -show_entries stream=codec_name -of csv=p=0 {_folder.File("out.mp4")}"),
                StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("deadline 4000")]
    public void Run_WithTheModel_GivesItsFrames(string? deadline)
    {
        var result = Run("test:testsrc2?size=128x96&rate=8&duration=4", _folder.File("out.mp4"),
            o => o.With("model tiny", "size 96x64", "steps 1", "fps 8", deadline));
        // Also those that were on their way when the input ended.
        Assert.Equal(32, result.Status.FramesIn);
        Assert.Equal(32, result.Status.FramesNew + result.Status.Dropped);
        Assert.InRange(result.Status.FramesNew, 1, 32);
        Assert.NotEmpty(TestFolder.FrameTimes(_folder.File("out.mp4")));
    }

    [Fact]
    public void Run_WithTheModelOnRanks_GivesItsFrames()
    {
        // More chunks are under way than on one rank: with too few places for them nothing would ever come out.
        var result = Run("test:testsrc2?size=128x96&rate=24&duration=6", _folder.File("out.mp4"),
            o => o.With("model tiny", "size 64x64", "steps 2", "fps 24", "ranks cpu,cpu,cpu", "threads 1"));
        Assert.InRange(result.Status.FramesNew, 1, 144);
    }

    [Fact]
    public async Task Run_WithTheModelSourceComesBack_NothingOfBeforeIsShownOrMeasured()
    {
        const int Pause = 8;
        var port = Port();
        var run = Task.Run(() =>
            Run($"rtmp://127.0.0.1:{port}/live/k?listen=1", "null:",
                o => o.With("model tiny", "size 96x64", "steps 2", "fps 8")));
        WaitFor("waiting");
        using (Publisher(port))
            WaitFor(() => _statuses.Any(s => s.FramesNew > 0), "no picture came out");
        Assert.False(_stop.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(Pause)));
        LiveStatus[] After() => [.. _statuses.Where(s => s.SourceReopened == 1)];
        using (Publisher(port))
            WaitFor(() => After() is [var first, .., var last] && last.FramesNew - first.FramesNew > 8,
                "no new pictures after the source came back");
        await _stop.CancelAsync();
        await run;
        // What the model held when the source went was Pause seconds old when it came out.
        Assert.All(After(), s => Assert.InRange(s.LatencyP95.TotalSeconds, 0, Pause - 1));
    }

    [Fact]
    public void Run_Counters_AreSeenByAMeterListener()
    {
        var path = _folder.File("counted.mkv");
        var values = new ConcurrentDictionary<(Meter Meter, string Name), double>();
        var ours = new ConcurrentDictionary<Meter, bool>();
        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            values[(instrument.Meter, instrument.Name)] = value;
            // Other tests run live at the same time: the output's name tells the meters apart.
            if (tags.Length > 0 && tags[0] is { Key: "output", Value: string output } && output == path)
                ours[instrument.Meter] = true;
        }
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Name == "StreamDiff.Live")
                    self.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        listener.Start();
        _reported = listener.RecordObservableInstruments;
        var result = Run("test:testsrc2?size=160x96&rate=30&duration=3", path);

        var meter = Assert.Single(ours.Keys);
        var own = values.Where(v => v.Key.Meter == meter).ToDictionary(v => v.Key.Name["streamdiff.live.".Length..], v => v.Value);
        Assert.Equal(
            ["frames.dropped", "frames.new", "frames.received", "frames.repeated", "frames.sent", "latency.p50", "latency.p95",
                "output.dropped", "output.reopened", "sound.missing", "source.reopened"],
            own.Keys.Order(StringComparer.Ordinal));
        Assert.InRange(own["frames.received"], 1, result.Status.FramesIn);
        Assert.InRange(own["frames.new"], 1, result.Status.FramesNew);
        Assert.InRange(own["frames.sent"], own["frames.new"], result.Status.FramesOut);
        Assert.True(own["latency.p95"] >= own["latency.p50"]);
        Assert.Equal(0, own["output.reopened"]);
        Assert.True(own["sound.missing"] > 0, "a test picture has no sound");
    }

    [Fact]
    public void Run_SeveralOutputsOneOfThemDead_TheOthersNoticeNothing()
    {
        var result = Run("test:testsrc2?size=320x192&rate=30&duration=3",
            string.Join('\n', _folder.File("a.mp4"), $"rtmp://127.0.0.1:{Port()}/live/k", _folder.File("b.mkv")));
        Assert.Equal([true, false, true], result.Status.Outputs.Select(o => o.Sent > 30));
        Assert.Single(_news, n => n.State == "lost");
    }

    [Fact]
    public void Run_OutputStillWritesWhenTheRunEnds_CountsEveryFrameOfTheFile()
    {
        // Slower than the frames come: a queue of them waits at the end.
        var result = Run("test:testsrc2?size=640x360&rate=60&duration=1", _folder.File("out.mkv"),
            o => o.With("size 640x360", "fps 60", "preset veryslow"));
        Assert.Equal(TestFolder.FrameTimes(_folder.File("out.mkv")).Count, result.Status.Outputs.Single().Sent);
    }

    [Fact]
    public void Run_Segments_AreFilesOfThatLength()
    {
        Run("test:testsrc2?size=160x96&rate=30&duration=5", _folder.File("show.mp4"), o => o.With("segment-time 1"));
        for (var i = 1; i <= 4; i++)
            Assert.InRange(TestFolder.FrameTimes(_folder.File($"show-000{i}.mp4")).Select(Number).Last(), 0.5, 1);
        Assert.Equal(0, _statuses.Last().Outputs.Single().Reopened);
    }

    [Fact]
    public async Task Run_ProcessDiesWhileRecording_TheFileIsPlayable()
    {
        // What a crash leaves is what is on the disk in the middle of a run.
        var run = Task.Run(() => Run("test:testsrc2?size=160x96&rate=30&duration=20", _folder.File("out.mp4")));
        while (!File.Exists(_folder.File("out.mp4")) || new FileInfo(_folder.File("out.mp4")).Length < 60_000)
            Assert.False(_stop.Token.WaitHandle.WaitOne(50));
        File.Copy(_folder.File("out.mp4"), _folder.File("crash.mp4"));
        await _stop.CancelAsync();
        Assert.True((await run).Cancelled);
        Assert.InRange(TestFolder.FrameTimes(_folder.File("crash.mp4")).Count, 20, 600);
    }

    [Theory]
    [InlineData("slate")]
    [InlineData("last")]
    public async Task Run_SourceLeavesAndComesBack_FallbackMeanwhile(string fallback)
    {
        var port = Port();
        var run = Task.Run(() =>
            Run($"rtmp://127.0.0.1:{port}/live/k?listen=1", _folder.File("out.mp4"), o => o.With($"fallback {fallback}")));
        WaitFor("waiting");
        Publish(port, seconds: 2);
        WaitFor("fallback");
        Publish(port, seconds: 2);
        WaitFor("live");
        await _stop.CancelAsync();
        var status = (await run).Status;
        Assert.Equal(1, status.SourceReopened);
        Assert.Contains(_news, n => n.State == "lost");
    }

    [Fact]
    public void Run_Playlist_FramesComeAtTheirTimesNotAtOnce()
    {
        TestFolder.Command("ffmpeg",
            $"-v error -f lavfi -i testsrc2=size=320x192:rate=30 -t 12 -c:v libx264 -preset ultrafast -g 60 -f hls -hls_time 2 "
            + $"-hls_list_size 0 {_folder.File("live.m3u8")}");
        using var server = new FileServer(_folder.File(""));
        var result = Run($"{server.Address}/live.m3u8", "null:", o => o.With("duration 6"));
        // Pieces of two seconds: were they shown as they arrive, fifty-nine of sixty frames would be dropped.
        Assert.True(result.Status.FramesNew > 60, $"{result.Status.FramesNew} of {result.Status.FramesIn} pictures were shown");
        Assert.DoesNotContain(_news, n => n.State == "lost");
    }

    private LiveResult Run(string input, string output, Func<RestyleOptions, RestyleOptions>? change = null)
    {
        var options = RestyleOptions.Of(input, output.Split('\n'))
            .With("model passthrough", "size 320x192", "live true", "preset ultrafast");
        return LiveRestyle.Run(change?.Invoke(options) ?? options, _news.Enqueue, new Progress(this), _stop.Token);
    }

    private static void Publish(int port, int seconds) => TestFolder.Command(
        "ffmpeg",
        $"-v error -re -f lavfi -i testsrc2=size=320x192:rate=30 -t {seconds} -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt "
        + $"yuv420p -g 30 -f flv rtmp://127.0.0.1:{port}/live/k");

    // Publishes until it is disposed, and ends as a crash would.
    private static Publishing Publisher(int port) =>
        new(
            $"-v error -nostdin -re -f lavfi -i testsrc2=size=320x192:rate=30 -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt "
            + $"yuv420p -g 30 -f flv rtmp://127.0.0.1:{port}/live/k");

    private void WaitFor(string state) => WaitFor(() => _news.Any(n => n.State == state), $"'{state}' never came");

    private void WaitFor(Func<bool> condition, string otherwise)
    {
        while (!condition())
            Assert.False(_stop.Token.WaitHandle.WaitOne(20), otherwise);
    }

    private static int Port()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static double Number(string text) => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

    private sealed class Publishing(string arguments) : IDisposable
    {
        private readonly Process _ffmpeg = Process.Start("ffmpeg", arguments);

        public void Dispose()
        {
            _ffmpeg.Kill();
            _ffmpeg.WaitForExit();
            _ffmpeg.Dispose();
        }
    }

    private sealed class Progress(LiveRunTests test) : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value)
        {
            test._statuses.Enqueue(value);
            test._reported();
        }
    }
}
