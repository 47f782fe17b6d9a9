using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs without a model, and what they write.</summary>
public sealed class LiveRunTests : LiveRunTest
{
    [Fact]
    public void Run_TestPictureToFile_HasAConstantRateAndSound()
    {
        var file = "";
        var result = RunLongEnough(
            seconds => Run($"test:testsrc2?size=320x192&rate=30&duration={seconds}", file = Folder.File($"out{seconds}.mp4")),
            r => r.Status.Outputs.Single().Sent >= 30);
        Assert.False(result.Cancelled);
        var times = TestFolder.FrameTimes(file).Select(Number).ToArray();
        Assert.InRange(times.Length, 30, 1000);
        // Every frame on the grid; on a machine without a moment to spare some places stay empty.
        Assert.All(times, time => Assert.Equal(Math.Round(time * 30), time * 30, 0.02));
        Assert.StartsWith("aac",
            TestFolder.Command("ffprobe",
                $"-v error -select_streams a -show_entries stream=codec_name -of csv=p=0 {file}"),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Run_Counters_AreSeenByAMeterListener()
    {
        var path = Folder.File("counted.mkv");
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
        Reported = listener.RecordObservableInstruments;
        var result = Run("test:testsrc2?size=160x96&rate=30&duration=2", path);

        var meter = Assert.Single(ours.Keys);
        var own = values.Where(v => v.Key.Meter == meter).ToDictionary(v => v.Key.Name["streamdiff.live.".Length..], v => v.Value);
        Assert.Equal(
            ["encoder.made", "frames.dropped", "frames.new", "frames.received", "frames.repeated", "frames.sent", "jitter", "latency.p50",
                "latency.p95", "output.dropped", "output.reopened", "sound.behind", "sound.missing", "source.reopened"],
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
        var result = RunLongEnough(
            seconds => Run($"test:testsrc2?size=320x192&rate=30&duration={seconds}",
                string.Join('\n', Folder.File($"a{seconds}.mp4"), $"rtmp://127.0.0.1:{Port()}/live/k", Folder.File($"b{seconds}.mkv"))),
            r => Took(r).Count(t => t) >= 2 && News.Any(n => n.State == "lost"));
        Assert.Equal([true, false, true], Took(result));
        Assert.Single(News, n => n.State == "lost");

        static IEnumerable<bool> Took(LiveResult result) => result.Status.Outputs.Select(o => o.Sent > 15);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_OutputStillWritesWhenTheRunEnds_CountsEveryFrameOfTheFile()
    {
        // Slower than the frames come: a queue of them waits at the end. An output that is not closed in time may lose some of it: then
        // less waits. The last one counts in any case.
        (string Size, int Seconds)[] sizes = [("640x360", 1), ("320x192", 2), ("160x96", 8), ("64x64", 32)];
        foreach (var (size, seconds) in sizes)
        {
            News.Clear();
            var file = Folder.File($"{size}.mkv");
            var result = Run($"test:testsrc2?size={size}&rate=60&duration={seconds}", file,
                o => o.With($"size {size}", "fps 60", "preset veryslow"));
            if (seconds < 32 && News.All(n => n.State != "closed"))
                continue;
            Assert.Equal(TestFolder.FrameTimes(file).Count, result.Status.Outputs.Single().Sent);
            return;
        }
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("libx264")]
    // Holds pictures back, while their sound is through already.
    [InlineData("libx264rgb")]
    public void Run_Recording_BeginsWithSound(string codec)
    {
        var file = "";
        RunLongEnough(
            seconds => Run($"test:testsrc2?size=160x96&rate=30&duration={seconds}", file = Folder.File($"out{seconds}.mkv"),
                o => o.With($"codec {codec}")),
            r => r.Status.Outputs.Single().Sent > 15);
        var first = TestFolder.Command("ffprobe",
            $"-v error -select_streams a -show_entries packet=pts_time -of csv=p=0 {file}").Split('\n')[0].Trim(',');
        Assert.InRange(Number(first), -0.1, 0.05);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("mp4", "libx264")]
    // Makes key frames when it likes.
    [InlineData("mkv", "ffv1")]
    [InlineData("gif", "auto")]
    public void Run_Segments_AreFilesOfThatLength(string kind, string codec)
    {
        var name = "";
        RunLongEnough(
            seconds => Run($"test:testsrc2?size=160x96&rate=30&duration={seconds + 1}", Folder.File($"{name = $"show{seconds}"}.{kind}"),
                o => o.With("segment-time 1", $"codec {codec}")),
            r => r.Status.Outputs.Single().Sent > 75);
        for (var i = 1; i <= 2; i++)
            Assert.InRange(TestFolder.FrameTimes(Folder.File($"{name}-000{i}.{kind}")).Select(Number).Last(), 0.5, 1);
        Assert.Equal(0, Statuses.Last().Outputs.Single().Reopened);
    }

    /// <summary>Sound of files yet to come waits while the pictures of this one are held back.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public void Run_SegmentsShorterThanTheirEncoderLooksAhead_AllPicturesAreInThem()
    {
        // An output that is not closed in time may lose some of them: then fewer a second, which the encoder still looks ahead over. The
        // last one counts in any case.
        foreach (var rate in (int[])[30, 8, 2])
        {
            News.Clear();
            var output = Run($"test:testsrc2?size=64x64&rate={rate}&duration=4", Folder.File($"show{rate}.mkv"),
                o => o.With("segment-time 1", "codec libaom-av1", "size 64x64", $"fps {rate}")).Status.Outputs.Single();
            if (rate > 2 && News.All(n => n.State != "closed"))
                continue;
            Assert.Equal(0, output.Reopened);
            Assert.Equal(output.Sent,
                Directory.GetFiles(Folder.File(""), $"show{rate}-*.mkv").Sum(file => TestFolder.FrameTimes(file).Count));
            return;
        }
    }

    [Fact]
    public async Task Run_ProcessDiesWhileRecording_TheFileIsPlayable()
    {
        // What a crash leaves is what is on the disk in the middle of a run.
        var run = Task.Run(() => Run("test:testsrc2?size=160x96&rate=30&duration=20", Folder.File("out.mp4")));
        while (!File.Exists(Folder.File("out.mp4")) || new FileInfo(Folder.File("out.mp4")).Length < 60_000)
            Assert.False(Stop.Token.WaitHandle.WaitOne(50));
        File.Copy(Folder.File("out.mp4"), Folder.File("crash.mp4"));
        await Stop.CancelAsync();
        Assert.True((await run).Cancelled);
        Assert.InRange(TestFolder.FrameTimes(Folder.File("crash.mp4")).Count, 20, 600);
    }
}
