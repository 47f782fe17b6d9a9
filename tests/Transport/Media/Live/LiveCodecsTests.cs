using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Rtmp;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Codecs in the containers that live sources bring, as ffmpeg makes them.</summary>
public sealed class LiveCodecsTests : IDisposable
{
    private const string X264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 30";
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mpegts", X264 + " -bf 3")]
    [InlineData("mpegts", X264 + " -bf 0")]
    [InlineData("mpegts", "-c:v mpeg2video -bf 2 -g 15")]
    [InlineData("mpegts", "-c:v mpeg2video -bf 0 -g 15")]
    [InlineData("mpegts", "-c:v mpeg1video -bf 2 -g 15")]
    [InlineData("mpegts", "-c:v mpeg4 -bf 2 -g 15")]
    [InlineData("mpegts", "-c:v libx265 -preset ultrafast -x265-params log-level=0:bframes=3")]
    [InlineData("flv", X264 + " -bf 3")]
    [InlineData("flv", "-c:v flv1")]
    public void Pictures_OfEveryCodec_ComeInTheirOrderAndAtTheirTimes(string format, string codec)
    {
        var pictures = new List<(TimeSpan Time, int Place)>();
        using var source = Open(format, $"-f lavfi -i {Bar()} -t 2 {codec}");
        Read(source, (frame, time) => pictures.Add((time, Brightest(frame))), null);
        Assert.InRange(pictures.Count, 58, 60);
        Assert.Equal(0, source.Statistics.RepairedTimestamps);
        Assert.All(pictures.Zip(pictures.Skip(1)), pair =>
        {
            Assert.Equal(1000 / 30.0, (pair.Second.Time - pair.First.Time).TotalMilliseconds, 1.1);
            Assert.InRange(pair.Second.Place - pair.First.Place, 1, 8);
        });
    }

    [Theory]
    [InlineData("mpegts", "-c:a libopus", "opus")]
    [InlineData("mpegts", "-c:a libopus -frame_duration 60", "opus")]
    [InlineData("mpegts", "-c:a aac", "aac")]
    [InlineData("mpegts", "-c:a aac -mpegts_flags latm", "aac_latm")]
    [InlineData("mpegts", "-c:a mp2", "mp3")]
    [InlineData("mpegts", "-c:a libmp3lame", "mp3")]
    [InlineData("mpegts", "-c:a ac3", "ac3")]
    [InlineData("mpegts", "-c:a eac3", "eac3")]
    [InlineData("mpegts", "-c:a s302m -sample_fmt s32 -strict -2", "s302m")]
    [InlineData("flv", "-c:a aac -ar 44100", "aac")]
    [InlineData("flv", "-c:a libmp3lame -ar 44100", "mp3")]
    [InlineData("flv", "-c:a pcm_s16le -ar 44100", "pcm_s16le")]
    [InlineData("matroska", "-c:a pcm_s24le -ar 96000", "pcm_s24le")]
    [InlineData("matroska", "-c:a flac -sample_fmt s32 -ar 192000 -strict -2", "flac")]
    [InlineData("matroska", "-c:a libvorbis", "vorbis")]
    public void Sound_OfEveryCodec_IsHeardAsLongAsItIs(string format, string codec, string name)
    {
        using var source = Open(
            format, $"-f lavfi -i {Bar()} -f lavfi -i sine=frequency=440:sample_rate=48000 -ac 2 -t 2 {X264} -bf 0 {codec}");
        var blocks = new List<SoundBlock>();
        Assert.Equal(name, Read(source, null, blocks.Add));
        Assert.InRange(blocks.Sum(b => b.Count) / (double)SoundBlock.Rate, 1.9, 2.1);
        var loudness = blocks.SelectMany(b => b.Samples).Average(v => v * v);
        // A tone of one eighth.
        Assert.InRange(Math.Sqrt(loudness), 0.05, 0.12);
    }

    [Theory]
    [InlineData("-c:a aac")]
    [InlineData("-c:a ac3")]
    public void Sound_OfSixChannels_IsMixedDownToTwo(string codec)
    {
        // The tone is in the middle alone, where speech is.
        using var source = Open("mpegts",
            $"-f lavfi -i {Bar()} -f lavfi -i aevalsrc=0|0|sin(2*PI*440*t)/4|0|0|0:c=5.1:s=48000 -t 2 {X264} -bf 0 {codec}");
        var blocks = new List<SoundBlock>();
        Read(source, null, blocks.Add);
        var samples = blocks.SelectMany(b => b.Samples).ToArray();
        foreach (var side in new[] { 0, 1 })
            Assert.InRange(Math.Sqrt(samples.Where((_, i) => i % 2 == side).Average(v => v * v)), 0.03, 0.18);
    }

    [Fact]
    public void Pictures_InHalfPictures_BecomeWholeOnes()
    {
        // A bar that moves fast, its two fields 1/50 s apart: lines of both times would alternate.
        using var source = Open("mpegts",
            $"-f lavfi -i {Bar("50", @"mod(n*16\,320)")} -t 2 -vf tinterlace=interleave_top -c:v mpeg2video -flags +ildct+ilme -q:v 2 "
                + "-bf 0 -g 15");
        var combed = new List<double>();
        Read(source, (frame, _) => combed.Add(Combing(frame)), null);
        Assert.InRange(combed.Count, 48, 50);
        Assert.All(combed.Skip(2), c => Assert.InRange(c, 0, 8));
    }

    // A white bar on black that goes from left to right, four points a picture.
    private static string Bar(string rate = "30", string place = "n*4") =>
        $"color=black:size=320x192:rate={rate}[b];color=white:size=16x192:rate={rate}[w];[b][w]overlay=x={place}";

    private static int Brightest(VideoFrame frame)
    {
        var row = frame.Pixels.Slice(frame.Height / 2 * frame.Width * 3, frame.Width * 3);
        var (sum, weight) = (0L, 0L);
        for (var x = 0; x < frame.Width; x++)
        {
            var value = row[x * 3] > 128 ? 1 : 0;
            (sum, weight) = (sum + (value * x), weight + value);
        }

        return (int)(sum / Math.Max(1, weight));
    }

    // How much lines differ from the mean of those above and below them.
    private static double Combing(VideoFrame frame)
    {
        var pixels = frame.Pixels;
        var stride = frame.Width * 3;
        var sum = 0L;
        for (var i = stride; i < pixels.Length - stride; i++)
        {
            sum += Math.Abs((2 * pixels[i]) - pixels[i - stride] - pixels[i + stride]);
        }

        return sum / (double)pixels.Length;
    }

    // The name of the sound that was there.
    private static string? Read(LiveSource source, Action<VideoFrame, TimeSpan>? picture, Action<SoundBlock>? sound)
    {
        AudioStreamInfo? track = null;
        SoundReader? reader = null;
        while (source.Read(CancellationToken.None) is { } unit)
        {
            using (unit)
            {
                if (unit is VideoFrame frame)
                {
                    picture?.Invoke(frame, source.Video.TimeBase.ToTime(frame.Pts));
                    continue;
                }

                var packet = (AudioPacket)unit;
                reader ??= new SoundReader(track = packet.Track!);
                foreach (var block in reader.Read(packet))
                {
                    sound?.Invoke(block);
                }
            }
        }

        reader?.Dispose();
        return track?.Codec;
    }

    private LiveSource Open(string format, string arguments)
    {
        var file = _folder.File($"{Guid.NewGuid():N}");
        CommandLine.Run(
            "ffmpeg", ["-v", "error", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-f", format, file]);
        var options = new VideoSourceOptions { Input = "udp://127.0.0.1:1" };
        var bytes = new FileBytes(file);
        var settings = LiveInputSettings.For(MediaAddress.Parse(format == "mpegts" ? options.Input : "browser:"));
        return new LiveSource(
            options,
            format == "flv" ? new RtmpPackets(bytes, null)
                : InputFile.Open(options, new LiveInput(settings, bytes), CancellationToken.None),
            mayWait: true, waiting: null, CancellationToken.None);
    }
}
