using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>Sound goes around the pictures and arrives with them.</summary>
public sealed class SoundTests : IDisposable
{
    private const int Rate = 48_000;
    private const string Silence300Ms = "volume=enable='lt(t,0.3)':volume=0";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mp4", "aac", "aac")]
    [InlineData("mov", "aac", "aac")]
    [InlineData("mkv", "aac", "aac")]
    [InlineData("ts", "aac", "aac")]
    [InlineData("webm", "aac", "opus")]
    [InlineData("webm", "libopus", "opus")]
    [InlineData("mp4", "pcm_s16le", "aac")]
    [InlineData("mkv", "pcm_s16le", "pcm_s16le")]
    [InlineData("ts", "flac", "aac")]
    [InlineData("avi", "libopus", "mp3")]
    public void Convert_Sound_IsCopiedOrEncodedAndInSync(string container, string from, string to)
    {
        var input = Clip.WithSound(_folder.File("in.mkv"), sound: $"-c:a {from}", soundFilters: Silence300Ms);
        var output = _folder.File("out." + container);

        Conversion.Run(input, output);

        Assert.Equal(to, Probe.Stream(output, "a", "codec_name"));
        Assert.Equal(50, Probe.PictureTimes(output).Length);
        // AVI has no place to say how late MP3 begins: a frame of it is lost, and what Opus has before zero.
        var tolerance = container == "avi" ? 0.035 : 0.012;
        Assert.Equal(ToneStart(input) - FirstPicture(input), ToneStart(output) - FirstPicture(output), tolerance);
        Assert.Equal(Probe.Samples(input).Length / (double)Rate, Probe.Samples(output).Length / (double)Rate, 0.06);
    }

    [Fact]
    public void Convert_CopiedSound_HasTheSameSamples()
    {
        var input = Clip.WithSound(_folder.File("in.mp4"), soundFilters: Silence300Ms);

        Conversion.Run(input, _folder.File("out.mp4"));

        Assert.Equal(Probe.Samples(input), Probe.Samples(_folder.File("out.mp4")));
    }

    [Theory]
    [InlineData("mp4")]
    [InlineData("webm")]
    public void Convert_SoundStartsLater_StaysLater(string container)
    {
        var input = Clip.Make(
            _folder.File("in.mkv"),
            "-f lavfi -i testsrc2=size=160x96:rate=25 -itsoffset 0.7 -f lavfi -i sine=frequency=440:sample_rate=48000 -map 0:v -map 1:a "
                + "-t 2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac");
        var output = _folder.File("out." + container);

        Conversion.Run(input, output);

        Assert.Equal(0.7, ToneStart(output), 0.03);
    }

    [Fact]
    public void Convert_GapInEncodedSound_StaysAGap()
    {
        // The second half of the sound is a second late.
        var input = Clip.Make(
            _folder.File("in.mkv"),
            "-f lavfi -i testsrc2=size=160x96:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 3"
                + @" -af asetpts='if(gt(PTS*TB\,1)\,PTS+1/TB\,PTS)' -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a pcm_s16le");
        var output = _folder.File("out.webm");

        Conversion.Run(input, output);

        var samples = Probe.Samples(output);
        Assert.True(Loudness(samples, 0.5) > 500 && Loudness(samples, 1.5) < 50 && Loudness(samples, 2.5) > 500);
    }

    [Fact]
    public void Convert_SixChannels_BecomeStereoWhenEncoded()
    {
        var input = Clip.WithSound(_folder.File("in.mkv"), sound: "-c:a flac -ac 6");

        Conversion.Run(input, _folder.File("out.webm"));

        Assert.Equal("2", Probe.Stream(_folder.File("out.webm"), "a", "channels"));
    }

    [Fact]
    public void Convert_OddSampleRate_IsResampled()
    {
        var input = Clip.WithSound(_folder.File("in.mkv"), sound: "-c:a pcm_s16le -ar 22050", soundFilters: Silence300Ms);

        Conversion.Run(input, _folder.File("out.webm"));

        Assert.Equal("48000", Probe.Stream(_folder.File("out.webm"), "a", "sample_rate"));
        Assert.Equal(ToneStart(input), ToneStart(_folder.File("out.webm")), 0.012);
    }

    [Fact]
    public void Convert_ToGif_HasNoSoundAndSaysSo()
    {
        var warnings = Conversion.Run(Clip.WithSound(_folder.File("in.mp4"), seconds: 0.5), _folder.File("out.gif"));

        Assert.False(Probe.Has(_folder.File("out.gif"), "a"));
        Assert.Contains(warnings, warning => warning.Contains("has no sound", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_WithoutAudio_LeavesItOut()
    {
        var input = Clip.WithSound(_folder.File("in.mp4"), seconds: 0.5);

        using var source = MediaSources.Open(new VideoSourceOptions { Input = input, ReadAudio = false });

        Assert.Null(source.Audio);
        while (source.Read(CancellationToken.None) is { } unit)
        {
            Assert.IsType<VideoFrame>(unit);
            unit.Dispose();
        }
    }

    [Fact]
    public void Read_Sound_IsInterleavedWithThePictures()
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Clip.WithSound(_folder.File("in.mp4")) });
        double picture = 0, sound = 0, widest = 0;
        while (source.Read(CancellationToken.None) is { } unit)
        {
            using (unit)
            {
                picture = unit is VideoFrame ? source.Video.TimeBase.ToTime(unit.Pts).TotalSeconds : picture;
                sound = unit is AudioPacket packet ? packet.Time.TotalSeconds : sound;
                widest = Math.Max(widest, Math.Abs(picture - sound));
            }
        }

        Assert.InRange(widest, 0, 1.1);
        Assert.Equal(("aac", Rate, 1), (source.Audio!.Codec, source.Audio.SampleRate, source.Audio.Channels));
    }

    [Fact]
    public void Write_AfterTheSourceIsGone_StillWorks()
    {
        var input = Clip.WithSound(_folder.File("in.mp4"), seconds: 0.5);
        var units = new List<MediaUnit>();
        IFrameSink sink;
        using (var source = MediaSources.Open(new VideoSourceOptions { Input = input }))
        {
            sink = MediaSinks.Open(
                new FileSinkOptions { Output = _folder.File("out.webm"), Preset = "ultrafast" }, source.Video, source.Audio);
            while (source.Read(CancellationToken.None) is { } unit)
            {
                units.Add(unit);
            }
        }

        using (sink)
        {
            units.ForEach(unit => Conversion.Write(sink, unit));
            units.ForEach(unit => unit.Dispose());
            sink.Complete();
        }

        Assert.Equal("opus", Probe.Stream(_folder.File("out.webm"), "a", "codec_name"));
    }

    // When the tone is first as loud as a tone, in seconds.
    private static double ToneStart(string path) =>
        Array.FindIndex(Probe.Samples(path), sample => Math.Abs((int)sample) > 1500) / (double)Rate;

    // The command moves what begins before zero, as the sound of Matroska does since FFmpeg 7, to zero, and the pictures with it.
    private static double FirstPicture(string path) => Probe.PictureTimes(path)[0] - Math.Min(0, Probe.Start(path));

    private static double Loudness(short[] samples, double second) =>
        samples.Skip((int)(second * Rate)).Take(Rate / 10).Average(sample => Math.Abs((double)sample));
}
