using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>File in, file out: every picture once, at its time.</summary>
public sealed class RoundTripTests
{
    private const double Millisecond = 0.001;

    [Theory]
    [InlineData("25", "mp4")]
    [InlineData("30000/1001", "mp4")]
    [InlineData("16", "mkv")]
    [InlineData("25", "mov")]
    [InlineData("25", "ts")]
    [InlineData("25", "avi")]
    public void Convert_ConstantRate_KeepsCountAndTimes(string rate, string container)
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(folder.File("in.mp4"), rate: rate, frames: 31);
        var output = folder.File("out." + container);

        Conversion.Run(input, output);

        AssertSameTimes(Probe.PictureTimes(input), Probe.PictureTimes(output));
    }

    [Fact]
    public void Convert_BFrames_KeepsCountAndTimes()
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(folder.File("in.mp4"), frames: 60, codec: "-c:v libx264 -preset medium -bf 3 -g 24 -pix_fmt yuv420p");
        var output = folder.File("out.mp4");

        Conversion.Run(new VideoSourceOptions { Input = input }, new FileSinkOptions { Output = output, Preset = "medium" });

        AssertSameTimes(Probe.PictureTimes(input), Probe.PictureTimes(output));
    }

    [Fact]
    public void Convert_VariableRate_KeepsTheUnevenTimes()
    {
        using var folder = new TempFolder();
        // Pictures 0..9 come every 40 ms, then every 115 ms.
        var input = Clip.Make(
            folder.File("in.mkv"),
            @"-f lavfi -i testsrc2=size=160x96:rate=25 -vf settb=1/1000,setpts='if(lt(N\,10)\,N*40\,400+(N-10)*115)'"
                + " -fps_mode passthrough -enc_time_base 1:1000 -frames:v 20 -c:v libx264 -preset ultrafast -pix_fmt yuv420p");
        var output = folder.File("out.mp4");

        Conversion.Run(input, output);

        var times = Probe.PictureTimes(output);
        AssertSameTimes(Probe.PictureTimes(input), times);
        Assert.Equal(0.115, times[15] - times[14], 0.002);
        Assert.Equal(0.04, times[5] - times[4], 0.002);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Convert_FewFrames_WritesThemAll(int frames)
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(folder.File("in.mp4"), frames: frames);
        var output = folder.File("out.mp4");

        Conversion.Run(input, output);

        Assert.Equal(frames, Probe.PictureTimes(output).Length);
        Assert.Equal(frames / 25.0, double.Parse(Probe.Stream(output, "v", "duration"), System.Globalization.CultureInfo.InvariantCulture),
            Millisecond);
    }

    [Fact]
    public void Convert_LateStart_KeepsTheDistanceToTheSound()
    {
        using var folder = new TempFolder();
        var input = Clip.Make(
            folder.File("in.ts"),
            "-itsoffset 0.5 -f lavfi -i testsrc2=size=160x96:rate=25 -f lavfi -i sine -map 0:v -map 1:a -t 2 -c:v libx264 -preset "
                + "ultrafast -c:a aac -muxdelay 3");
        var output = folder.File("out.mkv");

        Conversion.Run(input, output);

        var distance = Probe.PictureTimes(input)[0] - Probe.SoundTimes(input)[0];
        Assert.InRange(distance, 0.4, 0.6);
        Assert.Equal(distance, Probe.PictureTimes(output)[0] - Probe.SoundTimes(output)[0], 0.002);
    }

    [Fact]
    public void Convert_EditList_ShowsWhatPlayersShow()
    {
        using var folder = new TempFolder();
        var whole = Clip.Pictures(folder.File("whole.mp4"), frames: 75, codec: "-c:v libx264 -preset ultrafast -g 25 -pix_fmt yuv420p");
        // Cut without encoding: the file holds pictures before the cut that its edit list hides.
        CommandLine.Run("ffmpeg", "-v", "error", "-ss", "1.4", "-i", whole, "-c", "copy", folder.File("cut.mp4"));
        var output = folder.File("out.mp4");

        Conversion.Run(folder.File("cut.mp4"), output);

        AssertSameTimes(Probe.PictureTimes(folder.File("cut.mp4")).Where(time => time >= 0).ToArray(), Probe.PictureTimes(output));
    }

    [Fact]
    public void Convert_Colors_SurviveTheRoundTrip()
    {
        using var folder = new TempFolder();
        var output = folder.File("out.mp4");
        var rgb = new List<byte[]>();
        using (var pool = new FramePool())
        using (var source = MediaSources.Open(
            new VideoSourceOptions { Input = "test:smptehdbars?size=320x192&rate=25&duration=0.4", Pool = pool }))
        using (var sink = MediaSinks.Open(new FileSinkOptions { Output = output, Crf = 4 }, source.Video, null))
        {
            while (source.Read(CancellationToken.None) is VideoFrame frame)
            {
                rgb.Add(frame.Pixels.ToArray());
                sink.Write(frame);
                frame.Dispose();
            }

            sink.Complete();
        }

        var frames = Reading.Of(output).Frames;

        Assert.Equal(rgb.Count, frames.Count);
        Assert.All(frames.Zip(rgb), pair => Assert.InRange(pair.First.DifferenceTo(pair.Second), 0, 1.5));
        Assert.Equal("bt709", Probe.Stream(output, "v", "color_space"));
        Assert.Equal("tv", Probe.Stream(output, "v", "color_range"));
        Assert.Equal("yuv420p", Probe.Stream(output, "v", "pix_fmt"));
    }

    [Fact]
    public void Convert_AgainstFfmpeg_HasTheSamePicture()
    {
        using var folder = new TempFolder();
        var input = Clip.Pictures(folder.File("in.mp4"), size: "320x180", codec: "-c:v libx264 -preset ultrafast -crf 10 -pix_fmt yuv420p");
        Conversion.Run(new VideoSourceOptions { Input = input }, new FileSinkOptions { Output = folder.File("out.mp4"), Crf = 10 });

        var ours = Probe.Decoded(folder.File("out.mp4"));
        var theirs = Probe.Decoded(input);

        Assert.Equal(theirs.Length, ours.Length);
        Assert.InRange(ours.Zip(theirs, (a, b) => Math.Abs(a - b)).Average(), 0, 3);
    }

    private static void AssertSameTimes(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First - expected[0], pair.Second - actual[0], 1.5 * Millisecond));
    }
}
