using FFmpeg.AutoGen;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.FFmpegBindings;

public sealed class LibraryLoadingTests
{
    [Fact]
    public void Message_LibraryOfAnotherVersionInstalled_NamesPackageWantedAndFound()
    {
        var message = LibraryChoice.MissingMessage("avfilter", 10, ["libavfilter.so.8"]);

        Assert.Contains("libavfilter.so.10", message, StringComparison.Ordinal);
        Assert.Contains("found libavfilter.so.8", message, StringComparison.Ordinal);
        Assert.Contains("apt-get install libavfilter10", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Message_OnlyATooOldVersionInstalled_SaysFromWhichOnItGoes()
    {
        var message = LibraryChoice.MissingMessage("avcodec", 63, ["libavcodec.so.58"]);

        Assert.Contains("from 59 (FFmpeg 5.1) to 63", message, StringComparison.Ordinal);
        Assert.Contains("found libavcodec.so.58", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Message_NothingInstalled_SaysHowToInstall() =>
        Assert.Contains(
            "none is installed: apt-get install ffmpeg", LibraryChoice.MissingMessage("avutil", 57, []), StringComparison.Ordinal);

    [Theory]
    [InlineData(new[] { 0 }, 0)]
    [InlineData(new[] { 0, 2 }, 2)]
    [InlineData(new int[0], 4)]
    public void Choose_VersionsInstalled_TakesTheNewest(int[] installed, int chosen) =>
        Assert.Equal(chosen, LibraryChoice.Choose(5, installed.Contains));

    [Fact]
    public void Installed_SeveralFiles_ListsEachMajorOnce()
    {
        using var folder = new TempFolder();
        foreach (var name in new[]
        {
            "libavcodec.so.60",
            "libavcodec.so.60.31.102",
            "libavcodec.so.58",
            "libavutil.so.58",
            "libavcodec.so",
        })
        {
            File.WriteAllText(folder.File(name), "");
        }

        Assert.Equal(["libavcodec.so.58", "libavcodec.so.60"], LibraryChoice.Installed("avcodec", [folder.Root, folder.File("missing")]));
    }

    [Fact]
    public void Version_InstalledLibrary_HasTheMajorOfTheBindings() =>
        Assert.Equal((uint)ffmpeg.LibraryVersionMap["avcodec"], ffmpeg.avcodec_version() >> 16);

    [Fact]
    public unsafe void Encoder_AskedForWhatItTakes_SaysSoInEveryVersion()
    {
        var x264 = ffmpeg.avcodec_find_encoder_by_name("libx264");
        var aac = ffmpeg.avcodec_find_encoder_by_name("aac");

        Assert.Contains(AVPixelFormat.AV_PIX_FMT_YUV420P, List(x264->pix_fmts, format => format != AVPixelFormat.AV_PIX_FMT_NONE));
        Assert.Equal([AVSampleFormat.AV_SAMPLE_FMT_FLTP], List(aac->sample_fmts, format => format != AVSampleFormat.AV_SAMPLE_FMT_NONE));
        Assert.Contains(48_000, List(aac->supported_samplerates, rate => rate != 0));
    }

    private static unsafe List<T> List<T>(T* values, Func<T, bool> isValue)
        where T : unmanaged
    {
        var list = new List<T>();
        for (; values is not null && isValue(*values); values++)
        {
            list.Add(*values);
        }

        return list;
    }
}
