using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

public sealed class FileSinkTests : IDisposable
{
    private const string Picture = "test:testsrc2?size=160x96&rate=25&duration=0.4";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("out.mp4", "h264")]
    [InlineData("out.mov", "h264")]
    [InlineData("out.mkv", "h264")]
    [InlineData("out.ts", "h264")]
    [InlineData("out.avi", "h264")]
    [InlineData("out.webm", "vp9")]
    [InlineData("out.gif", "gif")]
    public void Open_AutomaticCodec_SuitsTheContainer(string name, string codec)
    {
        Conversion.Run(Picture, _folder.File(name));

        Assert.Equal(codec, Probe.Stream(_folder.File(name), "v", "codec_name"));
        Assert.Equal(10, Probe.PictureTimes(_folder.File(name)).Length);
    }

    [Theory]
    [InlineData("libx265", "hevc")]
    [InlineData("libsvtav1", "av1")]
    [InlineData("mpeg4", "mpeg4")]
    [InlineData("h264", "h264")]
    public void Open_NamedCodec_IsUsed(string encoder, string codec)
    {
        var output = _folder.File("out.mp4");

        Conversion.Run(new VideoSourceOptions { Input = Picture },
            new FileSinkOptions { Output = output, VideoCodec = encoder, Preset = "ultrafast" });

        Assert.Equal(codec, Probe.Stream(output, "v", "codec_name"));
        Assert.Equal(10, Probe.PictureTimes(output).Length);
    }

    [Fact]
    public void Open_LowerQuality_MakesASmallerFile()
    {
        long Size(int crf)
        {
            Conversion.Run(new VideoSourceOptions { Input = Picture }, new FileSinkOptions { Output = _folder.File("out.mp4"), Crf = crf });
            return new FileInfo(_folder.File("out.mp4")).Length;
        }

        Assert.True(Size(40) < Size(15) / 2);
    }

    [Fact]
    public void Open_PixelFormat_IsUsed()
    {
        Conversion.Run(
            new VideoSourceOptions { Input = Picture }, new FileSinkOptions { Output = _folder.File("out.mp4"), PixelFormat = "yuv444p" });

        Assert.Equal("yuv444p", Probe.Stream(_folder.File("out.mp4"), "v", "pix_fmt"));
    }

    [Theory]
    [InlineData("out.webm", "libx264", null, "veryfast", "cannot hold h264")]
    [InlineData("out.gif", "libx264", null, "veryfast", "cannot hold h264")]
    [InlineData("out.mp4", "libx999", null, "veryfast", "is not in this FFmpeg")]
    [InlineData("out.mp4", "aac", null, "veryfast", "is not in this FFmpeg")]
    [InlineData("out.mp4", "libx264", "rgb99", "veryfast", "use one of")]
    [InlineData("out.mp4", "libx264", null, "warp", "Preset 'warp' is unknown: use one of ultrafast")]
    [InlineData("out.mp4", "libx264", null, "12", "Preset '12' is unknown")]
    [InlineData("out.mkv", "libvpx-vp9", null, "warp", "Preset 'warp' is unknown")]
    [InlineData("out.xyz", "auto", null, "veryfast", "is no video container")]
    [InlineData("out.mp3", "auto", null, "veryfast", "is no video container")]
    [InlineData("out.bmp", "auto", null, "veryfast", "is no video container")]
    [InlineData("out.png", "auto", null, "veryfast", "holds one frame")]
    [InlineData("out", "auto", null, "veryfast", "has no extension")]
    [InlineData("none/out.mp4", "auto", null, "veryfast", "does not exist")]
    public void Open_ImpossibleWish_SaysWhyAndLeavesNoFile(string name, string codec, string? format, string preset, string reason)
    {
        var error = Assert.Throws<MediaException>(() =>
            Conversion.Run(new VideoSourceOptions { Input = Picture },
                new FileSinkOptions { Output = _folder.File(name), VideoCodec = codec, PixelFormat = format, Preset = preset }));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.False(File.Exists(_folder.File(name)));
    }

    [Fact]
    public void Open_Directory_SaysSo()
    {
        Directory.CreateDirectory(_folder.File("out.mp4"));
        AssertUnwritable(_folder.File("out.mp4"), "is a folder");
    }

    [Fact]
    public void Open_NoPermission_SaysSo() => AssertUnwritable("/sys/out.mp4", "Permission denied");

    [Theory]
    [InlineData("direct.mp4")]
    [InlineData("link.mp4")]
    [InlineData("hard.mp4")]
    public void Open_OutputIsTheInput_SaysSo(string name)
    {
        var input = Clip.Pictures(_folder.File("direct.mp4"), frames: 3);
        File.CreateSymbolicLink(_folder.File("link.mp4"), input);
        CommandLine.Run("ln", input, _folder.File("hard.mp4"));
        var before = File.ReadAllBytes(input);

        var error = Assert.Throws<MediaException>(() => Conversion.Run(input, _folder.File(name)));

        Assert.Contains("is the input itself", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(input));
    }

    [Theory]
    [InlineData("full.mp4")]
    [InlineData("full.mkv")]
    public void Write_DiskFull_SaysSo(string name)
    {
        File.CreateSymbolicLink(_folder.File(name), "/dev/full");
        AssertUnwritable(_folder.File(name), "the disk is full", "test:testsrc2?size=640x384&rate=25&duration=2");
    }

    [Theory]
    [InlineData("out.mp4")]
    [InlineData("out.mkv")]
    [InlineData("out.ts")]
    public void Dispose_WithoutComplete_LeavesAPlayableFile(string name)
    {
        var input = Clip.WithSound(_folder.File("in.mp4"));
        var written = 0;
        using (var source = MediaSources.Open(new VideoSourceOptions { Input = input }))
        using (var sink = MediaSinks.Open(new FileSinkOptions { Output = _folder.File(name) }, source.Video, source.Audio))
        {
            while (written < 20 && source.Read(CancellationToken.None) is { } unit)
            {
                using (unit)
                {
                    Conversion.Write(sink, unit);
                    written += unit is VideoFrame ? 1 : 0;
                }
            }
        }

        Assert.Equal(20, Probe.PictureTimes(_folder.File(name)).Length);
        Assert.NotEmpty(Probe.SoundTimes(_folder.File(name)));
    }

    [Fact]
    public void Complete_NothingWritten_DoesNotFail()
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        using var sink = MediaSinks.Open(new FileSinkOptions { Output = _folder.File("out.mp4") }, source.Video, null);

        sink.Complete();
        sink.Complete();
    }

    [Fact]
    public void Write_AfterComplete_Throws()
    {
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, 160, 96);
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        using var sink = MediaSinks.Open(new FileSinkOptions { Output = _folder.File("out.mp4") }, source.Video, null);
        sink.Complete();

        Assert.Throws<ObjectDisposedException>(() => sink.Write(frame));
    }

    [Fact]
    public void Write_FrameOfAnotherSize_Throws()
    {
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, 64, 64);
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        using var sink = MediaSinks.Open(new FileSinkOptions { Output = _folder.File("out.mp4") }, source.Video, null);

        Assert.Throws<ArgumentException>(() => sink.Write(frame));
    }

    [Fact]
    public void Write_SameTimeTwice_KeepsBothFrames()
    {
        using var pool = new FramePool();
        var video = new VideoStreamInfo(160, 96, new Rational(25, 1), new Rational(1, 1000));
        using (var sink = MediaSinks.Open(new FileSinkOptions { Output = _folder.File("out.mp4") }, video, null))
        {
            foreach (var pts in new[] { 0, 40, 40, 20, 160 })
            {
                using var frame = VideoFrame.Rent(pool, 160, 96);
                frame.Pixels.Fill((byte)pts);
                (frame.Pts, frame.Duration) = (pts, 40);
                sink.Write(frame);
            }

            sink.Complete();
        }

        Assert.Equal([0, 0.040, 0.041, 0.042, 0.160], Probe.PictureTimes(_folder.File("out.mp4")).Select(time => Math.Round(time, 3)));
    }

    [Theory]
    [InlineData("libx264")]
    [InlineData("libx265")]
    [InlineData("libsvtav1")]
    [InlineData("libvpx-vp9")]
    public void Dispose_NothingWritten_Returns(string codec)
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Picture });
        MediaSinks.Open(new FileSinkOptions { Output = _folder.File("out.mkv"), VideoCodec = codec }, source.Video, null).Dispose();
    }

    [Fact]
    public void Open_Null_TakesEverything() => Assert.Empty(Conversion.Run(Picture, "null:"));

    private static void AssertUnwritable(string output, string reason, string input = Picture)
    {
        var error = Assert.Throws<MediaException>(() => Conversion.Run(input, output));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
