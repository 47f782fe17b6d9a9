using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Whole live runs without a model, and what they write.</summary>
public sealed class LiveRunTests : LiveRunTest
{
    [Fact]
    public void Run_TestPictureToFile_HasAConstantRateAndSound()
    {
        var result = Run("test:testsrc2?size=320x192&rate=30&duration=2", Folder.File("out.mp4"));
        Assert.False(result.Cancelled);
        var times = TestFolder.FrameTimes(Folder.File("out.mp4")).Select(Number).ToArray();
        Assert.InRange(times.Length, 30, 1000);
        // Every frame on the grid; on a machine without a moment to spare some places stay empty.
        Assert.All(times, time => Assert.Equal(Math.Round(time * 30), time * 30, 0.02));
        Assert.StartsWith("aac",
            TestFolder.Command("ffprobe",
                $"-v error -select_streams a -show_entries stream=codec_name -of csv=p=0 {Folder.File("out.mp4")}"),
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
        var result = Run("test:testsrc2?size=320x192&rate=30&duration=2",
            string.Join('\n', Folder.File("a.mp4"), $"rtmp://127.0.0.1:{Port()}/live/k", Folder.File("b.mkv")));
        Assert.Equal([true, false, true], result.Status.Outputs.Select(o => o.Sent > 15));
        Assert.Single(News, n => n.State == "lost");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_OutputStillWritesWhenTheRunEnds_CountsEveryFrameOfTheFile()
    {
        // Slower than the frames come: a queue of them waits at the end.
        var result = Run("test:testsrc2?size=640x360&rate=60&duration=1", Folder.File("out.mkv"),
            o => o.With("size 640x360", "fps 60", "preset veryslow"));
        Assert.Equal(TestFolder.FrameTimes(Folder.File("out.mkv")).Count, result.Status.Outputs.Single().Sent);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("libx264")]
    // Holds pictures back, while their sound is through already.
    [InlineData("libx264rgb")]
    public void Run_Recording_BeginsWithSound(string codec)
    {
        Run("test:testsrc2?size=160x96&rate=30&duration=3", Folder.File("out.mkv"), o => o.With($"codec {codec}"));
        var first = TestFolder.Command("ffprobe",
            $"-v error -select_streams a -show_entries packet=pts_time -of csv=p=0 {Folder.File("out.mkv")}").Split('\n')[0].Trim(',');
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
        Run("test:testsrc2?size=160x96&rate=30&duration=3", Folder.File($"show.{kind}"), o => o.With("segment-time 1", $"codec {codec}"));
        for (var i = 1; i <= 2; i++)
            Assert.InRange(TestFolder.FrameTimes(Folder.File($"show-000{i}.{kind}")).Select(Number).Last(), 0.5, 1);
        Assert.Equal(0, Statuses.Last().Outputs.Single().Reopened);
    }

    /// <summary>Sound of files yet to come waits while the pictures of this one are held back.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public void Run_SegmentsShorterThanTheirEncoderLooksAhead_AllPicturesAreInThem()
    {
        var output = Run("test:testsrc2?size=64x64&rate=30&duration=4", Folder.File("show.mkv"),
            o => o.With("segment-time 1", "codec libaom-av1", "size 64x64")).Status.Outputs.Single();
        Assert.Equal(0, output.Reopened);
        Assert.Equal(output.Sent, Directory.GetFiles(Path.GetDirectoryName(Folder.File("show.mkv"))!, "show-*.mkv")
            .Sum(file => TestFolder.FrameTimes(file).Count));
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
