using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Which codecs a container can hold.</summary>
internal static unsafe class ContainerSupport
{
    // MPEG-TS has no tag table for FFmpeg to ask; these have a registered stream type.
    private static readonly HashSet<AVCodecID> TransportStream =
    [
        AVCodecID.AV_CODEC_ID_H264, AVCodecID.AV_CODEC_ID_HEVC, AVCodecID.AV_CODEC_ID_MPEG1VIDEO, AVCodecID.AV_CODEC_ID_MPEG2VIDEO,
        AVCodecID.AV_CODEC_ID_MPEG4,
        AVCodecID.AV_CODEC_ID_AAC, AVCodecID.AV_CODEC_ID_AAC_LATM, AVCodecID.AV_CODEC_ID_MP2, AVCodecID.AV_CODEC_ID_MP3,
        AVCodecID.AV_CODEC_ID_AC3,
        AVCodecID.AV_CODEC_ID_EAC3, AVCodecID.AV_CODEC_ID_OPUS, AVCodecID.AV_CODEC_ID_DTS,
    ];

    // They store any times; their flags do not say so.
    private static readonly HashSet<string> QuickTimeFamily = ["mov", "mp4", "3gp", "3g2", "ipod", "ismv", "f4v", "psp"];

    /// <summary>FFmpeg's short name of a container, such as "mp4".</summary>
    public static string NameOf(AVOutputFormat* format) => Marshal.PtrToStringUTF8((nint)format->name) ?? "";

    public static bool CanHold(AVOutputFormat* format, AVCodecID codec) =>
        NameOf(format) == "mpegts" ? TransportStream.Contains(codec) : avformat_query_codec(format, codec, FF_COMPLIANCE_NORMAL) == 1;

    /// <summary>True for the mp4 family.</summary>
    public static bool IsQuickTime(string format) => QuickTimeFamily.Contains(format);

    /// <summary>True when each picture's own time is stored, false when pictures are merely counted.</summary>
    public static bool KeepsTimes(AVOutputFormat* format) =>
        (format->flags & AVFMT_VARIABLE_FPS) != 0 || IsQuickTime(NameOf(format));

    // Music formats name PNG as their picture codec: the album's cover.
    private static bool HoldsVideo(AVOutputFormat* format) =>
        format->video_codec is not (AVCodecID.AV_CODEC_ID_NONE or AVCodecID.AV_CODEC_ID_PNG);

    /// <summary>The container that a file name's extension means.</summary>
    /// <exception cref="MediaException">The extension is unknown, or means something that holds no pictures or is not one file.</exception>
    public static AVOutputFormat* ForFile(string path)
    {
        const string Known = "use .mp4, .mov, .mkv, .webm, .ts, .avi or .gif";
        var extension = Path.GetExtension(path);
        if (extension.Length < 2)
        {
            throw new MediaException($"Output '{path}' has no extension to name its container: {Known}.");
        }

        var format = av_guess_format(null, "x" + extension, null);
        if (format is null || (format->flags & AVFMT_NOFILE) != 0 || !HoldsVideo(format))
        {
            throw new MediaException($"Output '{path}' cannot be written: '{extension}' is no video container; {Known}.");
        }

        return format;
    }
}
