using FFmpeg.AutoGen;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.FFmpegBindings;

public sealed class LibraryLoadingTests
{
    [Fact]
    public void Message_OtherMajorInstalled_NamesPackageWantedAndFound()
    {
        var message = ffmpeg.MissingLibraryMessage("avcodec", 59, ["libavcodec.so.60"]);

        Assert.Contains("libavcodec.so.59", message, StringComparison.Ordinal);
        Assert.Contains("found libavcodec.so.60", message, StringComparison.Ordinal);
        Assert.Contains("apt-get install libavcodec59", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Message_NothingInstalled_SaysSo() =>
        Assert.Contains("none is installed", ffmpeg.MissingLibraryMessage("avutil", 57, []), StringComparison.Ordinal);

    [Fact]
    public void FindVersions_SeveralFiles_ListsEachMajorOnce()
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

        Assert.Equal(["libavcodec.so.58", "libavcodec.so.60"], ffmpeg.FindVersions("avcodec", [folder.Root, folder.File("missing")]));
    }

    [Fact]
    public void Version_InstalledLibrary_HasTheMajorOfTheBindings() =>
        Assert.Equal((uint)ffmpeg.LibraryVersionMap["avcodec"], ffmpeg.avcodec_version() >> 16);
}
