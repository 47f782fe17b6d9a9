using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What <c>streamdiff doctor</c> says of FFmpeg and of cameras.</summary>
/// <param name="Release">FFmpeg's release, such as "5.1.9", null when it cannot be loaded.</param>
/// <param name="Libraries">Each library that is used.</param>
/// <param name="Encoders">The encoders that matter, and whether FFmpeg was built with them.</param>
/// <param name="VideoDevices">The /dev/video* devices: cameras and v4l2loopback outputs.</param>
public sealed record FFmpegReport(
    string? Release, IReadOnlyList<FFmpegLibraryStatus> Libraries, IReadOnlyList<EncoderStatus> Encoders,
    IReadOnlyList<VideoDevice> VideoDevices)
{
    /// <summary>Bytes of datagrams that the system is asked to hold for a <c>udp://</c> input: seconds of a stream.</summary>
    public const int UdpBuffer = LiveInputSettings.UdpBuffer;

    /// <summary>Looks at this machine; never throws for something missing.</summary>
    public static FFmpegReport Create() => FFmpegInspector.Inspect();
}

/// <summary>One of FFmpeg's libraries.</summary>
/// <param name="Name">Without "lib", such as "avcodec".</param>
/// <param name="Version">Major, minor and micro, null when it cannot be loaded.</param>
/// <param name="IsOptional">True when it is needed for devices only.</param>
/// <param name="Problem">What to do when it cannot be loaded, else null.</param>
public sealed record FFmpegLibraryStatus(string Name, string? Version, bool IsOptional, string? Problem);

/// <summary>An encoder by FFmpeg's name.</summary>
/// <param name="Name">Such as "libx264".</param>
/// <param name="IsBuiltIn">True when FFmpeg was built with it; hardware encoders may still find no hardware.</param>
/// <param name="Works">True when it can be used: built in and, for hardware, opened here for a small picture.</param>
public sealed record EncoderStatus(string Name, bool IsBuiltIn, bool Works);

/// <summary>A video4linux device.</summary>
/// <param name="Path">Such as "/dev/video0".</param>
/// <param name="Name">The driver's name for it.</param>
public sealed record VideoDevice(string Path, string Name);
