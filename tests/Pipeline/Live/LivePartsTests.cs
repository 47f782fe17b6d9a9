using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Tests.Live;

/// <summary>The small parts of a live run.</summary>
public sealed class LivePartsTests
{
    [Fact]
    public void BackOff_Failures_WaitLongerUpToTheLongestAndShortAfterSuccess()
    {
        var backOff = new BackOff(Seconds(2));
        Assert.Equal([0.25, 0.5, 1, 2, 2], Enumerable.Range(0, 5).Select(_ => backOff.After(TimeSpan.Zero).TotalSeconds));
        Assert.Equal(0.25, backOff.After(Seconds(60)).TotalSeconds);
    }

    [Theory]
    [InlineData(0u)]
    [InlineData(1u)]
    [InlineData(uint.MaxValue)]
    [InlineData(0x12345678u)]
    public void TimeBarCode_Drawn_IsReadBackAlsoWhenBlurred(uint value)
    {
        const int Width = 320, Height = 192;
        var rgb = new byte[Width * Height * 3];
        new Random(1).NextBytes(rgb);
        TimeBarCode.Draw(rgb, Width, Height, value);
        for (var i = 0; i < rgb.Length; i++)
            rgb[i] = (byte)Math.Clamp(rgb[i] + (i * 7919 % 61) - 30, 0, 255);
        Assert.Equal(value, TimeBarCode.Read(rgb, Width, Height));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(255)]
    [InlineData(128)]
    public void TimeBarCode_PlainPicture_IsNone(byte level)
    {
        var rgb = new byte[320 * 192 * 3];
        Array.Fill(rgb, level);
        Assert.Null(TimeBarCode.Read(rgb, 320, 192));
    }

    [Fact]
    public void LatencyMeter_TwentySamples_ReportsTheQuantilesOfEveryReport()
    {
        var meter = new LatencyMeter();
        for (var i = 20; i > 0; i--)
            meter.Add(TimeSpan.FromSeconds(i));
        Assert.Equal((10.0, 19.0, 20.0),
            (meter.Quantile(0.5).TotalSeconds, meter.Quantile(0.95).TotalSeconds, meter.Quantile(0.99).TotalSeconds));
    }

    [Fact]
    public void RecordingNames_ExistingFiles_AreNeverTaken()
    {
        using var folder = new TestFolder();
        var path = folder.File("show.mp4");
        Assert.Equal(path, RecordingNames.Next(path, isNumbered: false));
        // Taken, although nothing has been written yet: nobody else gets it.
        Assert.Equal(folder.File("show-0001.mp4"), RecordingNames.Next(path, isNumbered: false));
        File.CreateSymbolicLink(folder.File("show-0002.mp4"), "nowhere.mp4");
        Assert.Equal(folder.File("show-0003.mp4"), RecordingNames.Next(path, isNumbered: true));
        Assert.Contains("cannot be written",
            Assert.Throws<MediaException>(() => RecordingNames.Next(folder.File("no/show.mp4"), isNumbered: true)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void EncoderQueue_SlowEncoder_LosesTheOldestAndNoFrameLeaks()
    {
        using var pool = new FramePool();
        var missed = 0;
        using (var queue = new EncoderQueue(3, () => missed++))
        {
            for (var i = 0; i < 10; i++)
                queue.Add(new SharedFrame(VideoFrame.Rent(pool, 2, 2)), i);
            Assert.Equal(7, missed);
            Assert.True(queue.Take(out var work));
            using var next = work.Frame;
            Assert.Equal(3, pool.Outstanding);
        }
        Assert.Equal(0, pool.Outstanding);
    }

    [Fact]
    public void FrameThinning_ModelAtHalfTheRate_AdmitsEverySecondFrameEvenly()
    {
        var thinning = new FrameThinning();
        var admitted = new List<int>();
        var pending = 0;
        for (var i = 0; i < 600; i++)
        {
            var now = Seconds(i / 30.0);
            if (i % 8 == 0)
                thinning.Finished(4, now, isBusy: true);
            if (i == 40)
                thinning.Overflowed(now);
            if (i % 60 == 59)
                thinning.Overflowed(now);
            if (thinning.Admits(now))
                admitted.Add(i);
            pending++;
        }
        var steps = admitted.Where(i => i > 100).ToArray();
        Assert.InRange(steps.Length, 240, 275);
        Assert.All(steps.Zip(steps.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, 1, 3));
    }

    [Fact]
    public void FrameThinning_AfterAPauseOfTheSource_ModelIsNotTakenForSlow()
    {
        var thinning = new FrameThinning();
        for (var i = 0; i < 40; i++)
            thinning.Finished(4, Seconds(i * 4 / 30.0), isBusy: true);
        // A minute of nothing, then full speed, and one frame too many.
        for (var i = 0; i < 10; i++)
            thinning.Finished(4, Seconds(65 + i * 4 / 30.0), isBusy: true);
        thinning.Overflowed(Seconds(66));
        for (var i = 10; i < 20; i++)
            thinning.Finished(4, Seconds(65 + i * 4 / 30.0), isBusy: true);
        Assert.InRange(Enumerable.Range(0, 60).Count(i => thinning.Admits(Seconds(68 + i / 30.0))), 55, 60);
    }

    [Fact]
    public void FrameThinning_SlowStartThenAModelThatKeepsUp_SoonAdmitsAll()
    {
        var thinning = new FrameThinning();
        // The first chunks take a second while frames come in, and some must go.
        thinning.Finished(4, Seconds(0.5), isBusy: true);
        thinning.Overflowed(Seconds(0.8));
        thinning.Finished(4, Seconds(1.7), isBusy: true);
        // From then on a chunk is done as soon as its frames are there: how many are let in is all that keeps it from more.
        var (admitted, late) = (0, 0);
        for (var i = 60; i < 300; i++)
        {
            var now = Seconds(i / 30.0);
            if (!thinning.Admits(now))
                continue;
            late += i >= 150 ? 1 : 0;
            if (++admitted % 4 == 0)
                thinning.Finished(4, now, isBusy: false);
        }
        Assert.Equal(150, late);
    }

    [Theory]
    [InlineData("rtmp://a.example/live/secretkey", "rtmp://a.example/live/***")]
    [InlineData("srt://h:1?passphrase=topsecret99&mode=caller", "srt://h:1?passphrase=***&mode=caller")]
    [InlineData("out.mp4", "out.mp4")]
    public void MediaAddress_InLogs_HidesSecrets(string address, string shown) => Assert.Equal(shown, MediaAddress.Parse(address).Shown);

    [Theory]
    [InlineData("in.mp4", false)]
    [InlineData("test:scene", false)]
    [InlineData("rtmp://h/a/k", true)]
    [InlineData("srt://h:1", true)]
    [InlineData("udp://h:1", true)]
    [InlineData("http://h/film.mp4", false)]
    [InlineData("https://h/live.m3u8", true)]
    [InlineData("v4l2:/dev/video0", true)]
    public void MediaAddress_IsLive_WhereTimeDoesNotWait(string address, bool isLive) =>
        Assert.Equal(isLive, MediaAddress.Parse(address).IsLive);

    private static TimeSpan Seconds(double seconds) => TimeSpan.FromSeconds(seconds);

    [Fact]
    public void Statistics_OfWhatPassesThrough_HaveEachShareOfItsLatencies()
    {
        List<TimeSpan> latencies = [.. Enumerable.Range(1, 4).Select(n => TimeSpan.FromMilliseconds(n))];
        var statistics = ServedRun.Plain(new LiveStatus(
            default, "open", 9, 8, 8, 1, 0, 0, 30, 30, 30, latencies[0], latencies[1], latencies[2], latencies[3], default, default,
            default, [], []));
        Assert.Equal(latencies, [statistics.LatencyP50, statistics.LatencyP95, statistics.LatencyP99, statistics.LatencyMax]);
    }
}
