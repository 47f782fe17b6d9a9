using System.Globalization;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Cli.Doctor;

/// <summary>FFmpeg's libraries, the encoders that it has, and video devices.</summary>
internal static class MediaChecks
{
    private const string Area = "media";

    private static readonly (string Name, string For, bool Needed)[] Encoders =
    [
        ("libx264", "H.264, the default", true),
        ("libx265", "H.265", false),
        ("libvpx-vp9", "VP9, for .webm", false),
        ("aac", "sound in .mp4", false),
        ("libopus", "sound in .webm", false),
    ];

    public static IEnumerable<DoctorLine> Run()
    {
        var report = FFmpegReport.Create();
        foreach (var library in report.Libraries)
            yield return Library(library);
        if (report.Release is not null)
        {
            yield return DoctorLine.Ok(Area, "FFmpeg", report.Release);
            foreach (var (name, purpose, needed) in Encoders)
                yield return Encoder(report, name, purpose, needed);
            yield return Nvenc(report);
        }
        yield return Devices(report.VideoDevices);
        yield return UdpBuffer();
    }

    // What a burst of datagrams waits in; who asks for more than the system allows is given that, and not told.
    private static DoctorLine UdpBuffer()
    {
        const string Limit = "/proc/sys/net/core/rmem_max";
        var wanted = FFmpegReport.UdpBuffer;
        var allowed = File.Exists(Limit) && long.TryParse(File.ReadAllText(Limit), NumberStyles.None | NumberStyles.AllowTrailingWhite,
            CultureInfo.InvariantCulture, out var bytes)
            ? bytes
            : wanted;
        return allowed >= wanted
            ? DoctorLine.Ok(Area, "UDP buffer", $"{wanted >> 10} KiB")
            : DoctorLine.Absent(Area, "UDP buffer", $"the system allows {allowed >> 10} KiB, {wanted >> 10} are asked for: of udp:// "
                + "inputs whose pictures come in bursts some may be lost on a busy machine", $"sysctl -w net.core.rmem_max={wanted}");
    }

    private static DoctorLine Library(FFmpegLibraryStatus library)
    {
        var name = $"lib{library.Name}";
        if (library.Problem is null)
            return DoctorLine.Ok(Area, name, library.Version ?? "");
        return library.IsOptional
            ? DoctorLine.Absent(Area, name, "needed for cameras only", library.Problem)
            : DoctorLine.Missing(Area, name, "not usable", library.Problem);
    }

    private static DoctorLine Encoder(FFmpegReport report, string name, string purpose, bool needed)
    {
        const string Remedy = "this FFmpeg was built without it: apt-get install libavcodec-extra59";
        if (Find(report, name)?.Works == true)
            return DoctorLine.Ok(Area, $"encoder {name}", purpose);
        return needed
            ? DoctorLine.Missing(Area, $"encoder {name}", purpose, Remedy)
            : DoctorLine.Absent(Area, $"encoder {name}", purpose, Remedy);
    }

    private static DoctorLine Nvenc(FFmpegReport report)
    {
        const string Name = "encoder h264_nvenc";
        var encoder = Find(report, "h264_nvenc");
        if (encoder is not { IsBuiltIn: true })
            return DoctorLine.Absent(Area, Name, "this FFmpeg was built without it", "libx264 is used instead");
        return encoder.Works
            ? DoctorLine.Ok(Area, Name, "H.264 on the GPU; --codec h264_nvenc (NVDEC is not used: inputs are decoded on the CPU)")
            : DoctorLine.Absent(Area, Name, "in FFmpeg, but no NVIDIA driver with an encoder is "
                + "installed", "with an NVIDIA GPU: apt-get install libnvidia-encode1");
    }

    private static EncoderStatus? Find(FFmpegReport report, string name) => report.Encoders.FirstOrDefault(e => e.Name == name);

    private static DoctorLine Devices(IReadOnlyList<VideoDevice> devices) => devices.Count == 0
        ? DoctorLine.Absent(Area, "video devices", "none", "for a camera: plug one in; for a virtual one: apt-get install "
            + "v4l2loopback-dkms && modprobe v4l2loopback")
        : DoctorLine.Ok(Area, "video devices", string.Join(", ", devices.Select(d => d.Name.Length == 0 ? d.Path : $"{d.Path} "
            + $"({d.Name})")));
}
