using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

public sealed class TestPatternTests
{
    [Theory]
    [InlineData("testsrc2")]
    [InlineData("mandelbrot")]
    [InlineData("life")]
    [InlineData("gradients")]
    [InlineData("smptebars")]
    [InlineData("sierpinski")]
    [InlineData("scene")]
    [InlineData("camera")]
    public void Read_Pattern_GivesTheAskedSizeRateAndLength(string name)
    {
        var read = Reading.Of($"test:{name}?size=96x64&rate=16&duration=0.5");

        Assert.Equal(8, read.Frames.Count);
        Assert.Equal(8, read.Video.FrameCountEstimate);
        Assert.Equal((96, 64), (read.Frames[0].Width, read.Frames[0].Height));
        Assert.Equal(Enumerable.Range(0, 8).Select(i => i / 16.0), read.Seconds);
    }

    [Theory]
    [InlineData("life")]
    [InlineData("gradients")]
    public void Read_RandomPattern_IsTheSameEachTime(string name)
    {
        var first = Reading.Of($"test:{name}?size=64x64&duration=0.1").Frames[^1].Pixels;
        var second = Reading.Of($"test:{name}?size=64x64&duration=0.1").Frames[^1].Pixels;

        Assert.Equal(first, second);
    }

    [Fact]
    public void Read_CameraPastItsEnd_BeginsAgain()
    {
        var frames = Reading.Of("test:camera?size=64x48&rate=5&duration=8").Frames;

        Assert.Equal(40, frames.Count);
        Assert.Equal(frames[0].Pixels, frames[36].Pixels);
        Assert.NotEqual(frames[0].Pixels, frames[35].Pixels);
    }

    [Fact]
    public void Read_FurtherOptions_ReachThePattern() =>
        Reading.Of("test:color?color=red&size=64x64&duration=0.1").Frames[0].AssertColor(5, 5, (255, 0, 0));

    [Theory]
    [InlineData("test:nothing", "does not exist")]
    [InlineData("test:testsrc2?size=big", "is not understood")]
    [InlineData("test:testsrc2?rate=0", "is not understood")]
    [InlineData("test:testsrc2?wobble=1", "does not accept")]
    [InlineData("test:testsrc2?a=1,movie=x", "is not understood")]
    public void Open_BadPattern_SaysWhatIsWrong(string input, string reason)
    {
        var error = Assert.Throws<MediaException>(() => MediaSources.Open(new VideoSourceOptions { Input = input }));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }
}
