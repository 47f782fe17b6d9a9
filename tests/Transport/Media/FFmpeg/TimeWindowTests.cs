using StreamDiff.Transport.Media;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>A part of an input: the very frames and the sound of that time, nothing else.</summary>
public sealed class TimeWindowTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("in.mp4", "-c:v libx264 -g 60 -preset veryfast", 3.03, 1.5)]
    [InlineData("in.mp4", "-c:v libx264 -g 60 -preset veryfast", 2.4, 0.04)]
    [InlineData("in.mp4", "-c:v libx264 -g 60 -preset veryfast -x264-params open-gop=1", 2.42, 1)]
    [InlineData("in.mp4", "-c:v libx264 -g 1000 -preset veryfast", 4.99, 100)]
    [InlineData("in.mkv", "-c:v libx264 -g 30 -preset veryfast", 3.5, 1)]
    [InlineData("in.ts", "-c:v libx264 -g 60 -preset veryfast", 3.03, 1.5)]
    [InlineData("in.avi", "-c:v mpeg4", 3.03, 1.5)]
    [InlineData("in.webm", "-c:v libvpx -deadline realtime", 3.5, 1)]
    [InlineData("test:testsrc2?size=64x64&rate=25&duration=6", "", 3.03, 1.5)]
    public void Read_StartAndDuration_GivesTheFramesOfThatTime(string name, string codec, double start, double seconds)
    {
        var input = name;
        if (codec.Length > 0)
        {
            var sound = name == "in.webm" ? "libopus" : name == "in.avi" ? "mp2" : "aac";
            input = Clip.Make(_folder.File(name),
                $"-f lavfi -i testsrc2=size=64x64:rate=25 -f lavfi -i sine=sample_rate=48000 -t 6 {codec} -pix_fmt yuv420p -c:a {sound}");
        }

        var all = Reading.Of(input);
        var (from, to) = (TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(start + seconds));
        var expected = all.Frames.Where(f => f.Time >= from && f.Time < to).ToArray();

        var part = Reading.Of(new VideoSourceOptions { Input = input, Start = from, Duration = TimeSpan.FromSeconds(seconds) });

        Assert.NotEmpty(expected);
        Assert.Equal(expected.Length, part.Frames.Count);
        Assert.Equal(Enumerable.Range(0, expected.Length).Select(i => (long)i), part.Frames.Select(f => f.Index));
        // Zero is the first tick at or after the start; some inputs tick once a frame.
        var zero = expected[0].Time - part.Frames[0].Time;
        Assert.InRange((zero - from).TotalMilliseconds, -0.001, 40);
        Assert.All(expected.Zip(part.Frames),
            pair => Assert.InRange((pair.First.Time - zero - pair.Second.Time).TotalMilliseconds, -0.001, 0.001));
        Assert.All(expected.Zip(part.Frames), pair => Assert.Equal(pair.First.Pixels, pair.Second.Pixels));
        Assert.InRange(part.Video.FrameCountEstimate!.Value, expected.Length - 2, expected.Length + 2);
        Assert.Empty(part.Statistics.Warnings);
        // Half a tick of sound, which in AVI is a packet of 24 ms.
        var sounds = all.SoundTimes.Where(t => t >= zero && t < to).ToArray();
        Assert.Equal(sounds.Length, part.SoundTimes.Count);
        Assert.All(sounds.Zip(part.SoundTimes), pair => Assert.InRange((pair.First - zero - pair.Second).TotalMilliseconds, -12.1, 12.1));
    }

    [Fact]
    public async Task Read_Pipe_StartIsFoundByReading()
    {
        var file = Clip.Make(
            _folder.File("in.ts"), "-f lavfi -i testsrc2=size=64x64:rate=25 -t 3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p");
        CommandLine.Run("mkfifo", _folder.File("pipe"));
        var writing = Task.Run(() => CommandLine.Run("dd", $"if={file}", $"of={_folder.File("pipe")}", "status=none"));

        var part = Reading.Of(new VideoSourceOptions { Input = _folder.File("pipe"), Start = TimeSpan.FromSeconds(1) });

        Assert.Equal(50, part.Frames.Count);
        await writing;
    }

    [Fact]
    public void Read_WithARate_ResamplesThePart()
    {
        var part = Reading.Of(new VideoSourceOptions
        {
            Input = "test:testsrc2?size=64x64&rate=25&duration=4",
            Start = TimeSpan.FromSeconds(1),
            Duration = TimeSpan.FromSeconds(2),
            FrameRate = new Rational(10, 1),
        });

        Assert.Equal(20, part.Frames.Count);
    }

    [Theory]
    [InlineData("test:testsrc2?size=64x64&rate=25&duration=1")]
    [InlineData("in.mp4")]
    public void Read_StartAfterTheEnd_SaysSo(string name)
    {
        var input = name == "in.mp4" ? Clip.Pictures(_folder.File(name)) : name;

        var error = Assert.Throws<MediaException>(() =>
            Reading.Of(new VideoSourceOptions { Input = input, Start = TimeSpan.FromSeconds(30) }));

        Assert.Contains("has no frame from 30 s on", error.Message, StringComparison.Ordinal);
    }
}
