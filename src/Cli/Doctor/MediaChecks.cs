using System.Runtime.InteropServices;
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
        var libraries = FFmpegInfo.Libraries();
        foreach (var (library, version, problem) in libraries)
            yield return problem is null
                ? DoctorLine.Ok(Area, $"lib{library}", version!)
                : DoctorLine.Missing(Area, $"lib{library}", "not usable", problem);
        if (libraries.All(l => l.Problem is null))
            foreach (var line in WithLibraries())
                yield return line;
        yield return Devices();
    }

    private static IEnumerable<DoctorLine> WithLibraries()
    {
        yield return DoctorLine.Ok(Area, "FFmpeg", FFmpegInfo.Version);
        foreach (var (name, purpose, needed) in Encoders)
        {
            const string Remedy = "this FFmpeg was built without it: apt-get install libavcodec-extra59";
            yield return FFmpegInfo.HasEncoder(name) ? DoctorLine.Ok(Area, $"encoder {name}", purpose)
                : needed ? DoctorLine.Missing(Area, $"encoder {name}", purpose, Remedy)
                : DoctorLine.Absent(Area, $"encoder {name}", purpose, Remedy);
        }
        yield return Nvenc();
    }

    private static DoctorLine Nvenc()
    {
        const string Name = "encoder h264_nvenc";
        if (!FFmpegInfo.HasEncoder("h264_nvenc"))
            return DoctorLine.Absent(Area, Name, "this FFmpeg was built without it", "libx264 is used instead");
        if (!NativeLibrary.TryLoad("libnvidia-encode.so.1", out var library))
            return DoctorLine.Absent(Area, Name, "in FFmpeg, but no NVIDIA driver with an encoder is installed", "with an NVIDIA GPU: apt-get install libnvidia-encode1");
        NativeLibrary.Free(library);
        return DoctorLine.Ok(Area, Name, "H.264 on the GPU; --codec h264_nvenc");
    }

    private static DoctorLine Devices()
    {
        var devices = FFmpegInfo.VideoDevices();
        return devices.Count == 0
            ? DoctorLine.Absent(Area, "video devices", "none", "for a camera: plug one in; for a virtual one: apt-get install v4l2loopback-dkms && modprobe v4l2loopback")
            : DoctorLine.Ok(Area, "video devices", string.Join(", ", devices.Select(d => d.Name.Length == 0 ? d.Path : $"{d.Path} ({d.Name})")));
    }
}
