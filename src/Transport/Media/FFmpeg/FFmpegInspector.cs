using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Finds out what is installed.</summary>
internal static unsafe class FFmpegInspector
{
    private const string DeviceFolder = "/dev";
    private const string DeviceNames = "/sys/class/video4linux";

    private static readonly string[] Encoders =
    [
        "libx264", "h264_nvenc", "libx265", "hevc_nvenc", "libvpx-vp9", "libsvtav1", "aac", "libopus",
    ];

    public static FFmpegReport Inspect()
    {
        FFmpegLibraryStatus[] libraries =
        [
            Library("avutil", avutil_version), Library("avcodec", avcodec_version), Library("avformat", avformat_version),
            Library("avfilter", avfilter_version),
            Library("swscale", swscale_version), Library("swresample", swresample_version),
            Library("avdevice", avdevice_version, isOptional: true),
        ];
        var isUsable = libraries.All(library => library.Problem is null || library.IsOptional);
        if (isUsable)
        {
            FFmpegLibrary.Initialize();
        }

        var encoders = Encoders.Select(name => isUsable ? Encoder(name) : new EncoderStatus(name, false, false));
        return new FFmpegReport(
            isUsable ? av_version_info() : null, libraries, encoders.ToArray(), VideoDevices(DeviceFolder, DeviceNames));
    }

    /// <summary>Devices by number, named by the driver.</summary>
    internal static VideoDevice[] VideoDevices(string deviceFolder, string nameFolder) =>
        Directory.GetFiles(deviceFolder, "video*")
            .Select(Path.GetFileName)
            .Where(file => int.TryParse(file.AsSpan("video".Length), out _))
            .OrderBy(file => int.Parse(file.AsSpan("video".Length)))
            .Select(file => new VideoDevice(Path.Combine(deviceFolder, file!), DeviceName(Path.Combine(nameFolder, file!, "name"))))
            .ToArray();

    private static string DeviceName(string file) => File.Exists(file) ? File.ReadAllText(file).Trim() : "unknown";

    private static FFmpegLibraryStatus Library(string name, Func<uint> version, bool isOptional = false)
    {
        try
        {
            var number = version();
            return new FFmpegLibraryStatus(name, $"{number >> 16}.{(number >> 8) & 0xff}.{number & 0xff}", isOptional, null);
        }
        catch (Exception error) when (error is DllNotFoundException or NotSupportedException)
        {
            return new FFmpegLibraryStatus(name, null, isOptional, error.Message);
        }
    }

    private static EncoderStatus Encoder(string name)
    {
        var codec = avcodec_find_encoder_by_name(name);
        return new EncoderStatus(name, codec is not null, codec is not null && (!IsHardware(name) || Opens(codec)));
    }

    // Only these may be built in and still not work.
    private static bool IsHardware(string name) => name.EndsWith("_nvenc", StringComparison.Ordinal);

    internal static bool Opens(AVCodec* codec)
    {
        const int Side = 256;
        var context = avcodec_alloc_context3(codec);
        (context->width, context->height, context->pix_fmt) = (Side, Side, AVPixelFormat.AV_PIX_FMT_YUV420P);
        context->time_base = new AVRational { num = 1, den = 25 };
        var opens = avcodec_open2(context, codec, null) >= 0;
        NativeObject.Free(ref context);
        return opens;
    }
}
