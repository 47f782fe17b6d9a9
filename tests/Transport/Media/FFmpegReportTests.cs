using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media;

public sealed class FFmpegReportTests
{
    [Fact]
    public void Create_InstalledLibraries_ListsVersionsAndEncoders()
    {
        var report = FFmpegReport.Create();

        Assert.NotNull(report.Release);
        Assert.All(report.Libraries.Where(library => !library.IsOptional),
            library => Assert.True(library.Version is not null && library.Problem is null));
        Assert.True(report.Encoders.Single(encoder => encoder.Name == "libx264") is { IsBuiltIn: true, Works: true });
        Assert.True(report.Encoders.Single(encoder => encoder.Name == "aac") is { IsBuiltIn: true, Works: true });
    }

    [Fact]
    public void VideoDevices_Several_AreNamedAndInOrder()
    {
        using var folder = new TempFolder();
        foreach (var device in new[] { "video10", "video2", "video-not" })
        {
            File.WriteAllText(folder.File(device), "");
        }

        Directory.CreateDirectory(folder.File("names/video2"));
        File.WriteAllText(folder.File("names/video2/name"), "A camera\n");

        var devices = FFmpegInspector.VideoDevices(folder.Root, folder.File("names"));

        Assert.Equal([new VideoDevice(folder.File("video2"), "A camera"), new VideoDevice(folder.File("video10"), "unknown")], devices);
    }
}
