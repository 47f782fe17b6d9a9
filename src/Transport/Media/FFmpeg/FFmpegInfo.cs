using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What of FFmpeg is installed, for <c>streamdiff doctor</c>.</summary>
public static class FFmpegInfo
{
    /// <summary>The libraries in use, each with its version or with what to do.</summary>
    public static IReadOnlyList<(string Library, string? Version, string? Problem)> Libraries() =>
    [
        Probe("avutil", avutil_version), Probe("avcodec", avcodec_version), Probe("avformat", avformat_version), Probe("avfilter", avfilter_version),
        Probe("swscale", swscale_version), Probe("swresample", swresample_version),
    ];

    /// <summary>FFmpeg's own version, such as 5.1.9-0+deb12u1.</summary>
    public static string Version => av_version_info();

    /// <summary>True when the installed FFmpeg was built with an encoder; a hardware encoder may still find no device.</summary>
    public static unsafe bool HasEncoder(string name) => avcodec_find_encoder_by_name(name) != null;

    /// <summary>Video devices of the kernel with their names.</summary>
    public static IReadOnlyList<(string Path, string Name)> VideoDevices()
    {
        const string Folder = "/sys/class/video4linux";
        if (!Directory.Exists(Folder))
            return [];
        return [.. Directory.EnumerateFileSystemEntries(Folder).Order(StringComparer.Ordinal)
            .Select(d => ($"/dev/{Path.GetFileName(d)}", File.Exists(Path.Combine(d, "name")) ? File.ReadAllText(Path.Combine(d, "name")).Trim() : ""))];
    }

    private static (string, string?, string?) Probe(string library, Func<uint> version)
    {
        try
        {
            var v = version();
            return (library, $"{v >> 16}.{(v >> 8) & 0xff}.{v & 0xff}", null);
        }
        catch (DllNotFoundException e)
        {
            return (library, null, e.Message);
        }
    }
}
