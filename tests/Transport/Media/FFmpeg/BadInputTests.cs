using System.Text;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.FFmpeg;

/// <summary>Everything that is no healthy video: one clear line, or what can be saved.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Open_MissingFile_SaysSo() => AssertRefused(_folder.File("none.mp4"), "does not exist");

    [Fact]
    public void Open_Directory_SaysSo() => AssertRefused(_folder.Root, "is a directory");

    [Fact]
    public void Open_NoName_SaysSo() => AssertRefused(" ", "No input was given");

    [Fact]
    public void Open_EmptyFile_SaysSo() => AssertRefused(Write("empty.mp4", []), "is empty (0 bytes)");

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("notes.mp4")]
    [InlineData("notes")]
    public void Open_TextFile_SaysItIsNoVideo(string name) =>
        AssertRefused(Write(name, Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("Dear diary, today I wrote a test.\n", 300)))),
            "is not a video");

    [Fact]
    public void Open_RandomBytes_SaysItIsNoVideo()
    {
        var noise = new byte[100_000];
        new Random(1).NextBytes(noise);
        AssertRefused(Write("noise.bin", noise), "is not a video");
    }

    [Fact]
    public void Open_AudioOnly_SaysSo() =>
        AssertRefused(Clip.Make(_folder.File("sound.m4a"), "-f lavfi -i sine -t 1 -c:a aac"), "has sound but no pictures");

    [Fact]
    public void Open_AudioWithCoverPicture_CountsAsAudioOnly()
    {
        Clip.Make(_folder.File("sound.mp3"), "-f lavfi -i sine -t 1 -c:a libmp3lame");
        Clip.Make(_folder.File("cover.png"), "-f lavfi -i color=red:size=64x64 -frames:v 1");
        CommandLine.Run("ffmpeg", "-v", "error", "-i", _folder.File("sound.mp3"), "-i", _folder.File("cover.png"), "-map", "0", "-map", "1",
            "-c", "copy", "-disposition:v", "attached_pic", _folder.File("album.mp3"));

        AssertRefused(_folder.File("album.mp3"), "has sound but no pictures");
    }

    [Fact]
    public void Open_TruncatedBeforeItsIndex_SaysSo()
    {
        var whole = File.ReadAllBytes(Clip.Pictures(_folder.File("in.mp4"), frames: 50));
        AssertRefused(Write("cut.mp4", whole[..(whole.Length / 2)]), "is truncated or damaged");
    }

    [Fact]
    public void Open_ReachableByNobody_SaysSo() => AssertRefused("http://127.0.0.1:9/video.mp4", "cannot be opened");

    [Theory]
    [InlineData("https://nowhere.invalid/video.mp4", "cannot be reached, the name nowhere.invalid is not known", SourceAbsence.Missing)]
    [InlineData("http://127.0.0.1:9/video.mp4", "cannot be reached (Connection refused)", SourceAbsence.Away)]
    [InlineData("rtmp://127.0.0.1:9/live/secret", "cannot be reached (Connection refused)", SourceAbsence.Away)]
    [InlineData("v4l2:/dev/null", "Inappropriate ioctl for device", SourceAbsence.None)]
    [InlineData("nothing://127.0.0.1/video.mp4", "Protocol not found", SourceAbsence.None)]
    public void Open_Address_SaysWhetherItIsWrongOrOutOfReach(string input, string reason, SourceAbsence absence)
    {
        var error = Assert.Throws<MediaException>(() => Reading.Of(input));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Equal(absence, error.Absence);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cut.mkv", "-c:v libx264 -preset ultrafast -g 10")]
    [InlineData("cut.mp4", "-c:v libx264 -preset ultrafast -g 10 -movflags +faststart")]
    public void Read_TruncatedAfterItsIndex_GivesTheBeginningAndWarns(string name, string codec)
    {
        var whole = File.ReadAllBytes(
            Clip.Pictures(_folder.File("whole" + Path.GetExtension(name)), frames: 100, codec: codec + " -pix_fmt yuv420p"));

        var read = Reading.Of(Write(name, whole[..(whole.Length * 6 / 10)]));

        Assert.InRange(read.Frames.Count, 30, 80);
        Assert.Contains(read.Statistics.Warnings, warning => warning.Contains("truncated", StringComparison.Ordinal));
        Assert.DoesNotContain(read.Statistics.Warnings, warning => warning.Contains('\n'));
    }

    [Theory]
    [InlineData("mkv")]
    [InlineData("mp4")]
    [InlineData("ts")]
    public void Read_CorruptInTheMiddle_GoesOnAndCounts(string container)
    {
        var bytes = File.ReadAllBytes(Clip.Pictures(
            _folder.File("in." + container), size: "320x192", frames: 100, codec: "-c:v libx264 -preset ultrafast -g 10 -pix_fmt yuv420p"));
        new Random(7).NextBytes(bytes.AsSpan(bytes.Length * 4 / 10, bytes.Length / 20));

        var read = Reading.Of(Write("bad." + container, bytes));

        Assert.InRange(read.Frames.Count, 80, 100);
        Assert.True(read.Statistics.CorruptPackets > 0);
        Assert.Contains(read.Statistics.Warnings, warning => warning.Contains("damaged", StringComparison.Ordinal));
        Assert.Equal(read.Seconds.Order().Distinct(), read.Seconds);
        Assert.InRange(read.Seconds[^1], 3.9, 4.0);
    }

    [Fact]
    public void Read_EveryKindOfDamage_NeverCrashes()
    {
        var healthy = File.ReadAllBytes(Clip.WithSound(_folder.File("in.mp4"), seconds: 0.4));
        var random = new Random(3);
        for (var round = 0; round < 150; round++)
        {
            var bytes = healthy.ToArray();
            for (var change = 0; change < 1 + (round % 20); change++)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                Reading.Of(Write("fuzzed.mp4", bytes));
            }
            catch (MediaException error)
            {
                Assert.DoesNotContain('\n', error.Message);
            }
        }
    }

    [Theory]
    [InlineData(0, 480)]
    [InlineData(832, -2)]
    [InlineData(99_999, 480)]
    public void Open_ImpossibleSize_SaysSo(int width, int height)
    {
        var error = Assert.Throws<MediaException>(() =>
            MediaSources.Open(new VideoSourceOptions { Input = "test:testsrc2", Width = width, Height = height }));
        Assert.Contains("impossible", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Cancelled_Throws()
    {
        using var source = MediaSources.Open(new VideoSourceOptions { Input = Clip.Pictures(_folder.File("in.mp4")) });
        Assert.Throws<OperationCanceledException>(() => source.Read(new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Read_NameWithColonAndPercent_IsAPlainFile()
    {
        var input = Clip.Pictures(_folder.File("plain.mp4"), frames: 2);
        File.Move(input, _folder.File("a:b %03d.mp4"));

        Assert.Equal(2, Reading.Of(_folder.File("a:b %03d.mp4")).Frames.Count);
    }

    private string Write(string name, byte[] bytes)
    {
        File.WriteAllBytes(_folder.File(name), bytes);
        return _folder.File(name);
    }

    private static void AssertRefused(string input, string reason)
    {
        var error = Assert.Throws<MediaException>(() => Reading.Of(input));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }
}
