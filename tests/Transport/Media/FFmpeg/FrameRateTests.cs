using StreamDiff.Transport.Media;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

public sealed class FrameRateTests
{
    [Theory]
    [InlineData("25", 50, "16")]
    [InlineData("25", 50, "60")]
    [InlineData("30000/1001", 60, "24")]
    [InlineData("25", 50, "25")]
    public void Resample_AgainstFpsFilter_GivesTheSameCount(string from, int frames, string to)
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(
            folder.File("in.mp4"), rate: from, frames: frames, codec: "-c:v libx264 -qp 0 -preset ultrafast -pix_fmt yuv420p");
        CommandLine.Run("ffmpeg", "-v", "error", "-i", input, "-vf", $"fps={to}", "-fps_mode", "passthrough", "-c:v", "libx264", "-qp", "0",
            "-preset", "ultrafast", folder.File("fps.mkv"));
        var expected = Reading.Of(folder.File("fps.mkv")).Frames;

        var read = Reading.Of(new VideoSourceOptions { Input = input, FrameRate = Rational.Parse(to) });

        Assert.Equal(expected.Count, read.Frames.Count);
        Assert.All(read.Frames.Zip(expected), pair => Assert.Equal(pair.Second.Pixels, pair.First.Pixels));
        Assert.Equal(Rational.Parse(to), read.Video.FrameRate);
        Assert.Equal(Enumerable.Range(0, read.Frames.Count).Select(i => (long)i), read.Frames.Select(frame => frame.Index));
    }

    [Fact]
    public void Resample_ClipShorterThanHalfAFrame_StillGivesOne()
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(folder.File("in.mp4"), frames: 1);

        Assert.Single(Reading.Of(new VideoSourceOptions { Input = input, FrameRate = new Rational(10, 1) }).Frames);
    }

    [Fact]
    public void Resample_VariableRate_BecomesEven()
    {
        using var folder = new TempFolder();
        var input = Clip.Make(
            folder.File("in.mkv"),
            @"-f lavfi -i testsrc2=size=160x96:rate=25 -vf settb=1/1000,setpts='if(lt(N\,10)\,N*40\,400+(N-10)*115)'"
                + " -fps_mode passthrough -enc_time_base 1:1000 -frames:v 20 -c:v libx264 -preset ultrafast -pix_fmt yuv420p");

        var seconds = Reading.Of(new VideoSourceOptions { Input = input, FrameRate = new Rational(20, 1) }).Seconds;

        Assert.InRange(seconds.Length, 29, 31);
        Assert.All(seconds.Select((time, i) => time - (i / 20.0)), difference => Assert.Equal(0, difference, 1e-6));
    }

    [Fact]
    public void Read_ConstantRate_ReportsItAndTheCount()
    {
        using var folder = new TempFolder();
        var video = Reading.Of(Clip.Pictures(folder.File("in.mp4"), rate: "30000/1001", frames: 30)).Video;

        Assert.Equal(new Rational(30000, 1001), video.FrameRate);
        Assert.Equal(30, video.FrameCountEstimate);
        Assert.Equal(1.001, video.Duration!.Value.TotalSeconds, 0.002);
        Assert.Equal("h264", video.Codec);
    }
}
