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
        AVCodecID.AV_CODEC_ID_H264, CodecIds.Hevc, AVCodecID.AV_CODEC_ID_MPEG1VIDEO, AVCodecID.AV_CODEC_ID_MPEG2VIDEO,
        AVCodecID.AV_CODEC_ID_MPEG4,
        AVCodecID.AV_CODEC_ID_AAC, AVCodecID.AV_CODEC_ID_AAC_LATM, AVCodecID.AV_CODEC_ID_MP2, AVCodecID.AV_CODEC_ID_MP3,
        AVCodecID.AV_CODEC_ID_AC3,
        AVCodecID.AV_CODEC_ID_EAC3, AVCodecID.AV_CODEC_ID_OPUS, AVCodecID.AV_CODEC_ID_DTS,
    ];

    private const int TelephoneRate = 8000;

    // They store any times; their flags do not say so.
    private static readonly HashSet<string> QuickTimeFamily = ["mov", "mp4", "3gp", "3g2", "ipod", "ismv", "f4v", "psp"];

    /// <summary>FFmpeg's short name of a container, such as "mp4".</summary>
    public static string NameOf(AVOutputFormat* format) => Marshal.PtrToStringUTF8((nint)format->name) ?? "";

    public static bool CanHold(AVOutputFormat* format, AVCodecID codec) =>
        NameOf(format) == "mpegts" ? TransportStream.Contains(codec) : avformat_query_codec(format, codec, FF_COMPLIANCE_NORMAL) == 1;

    /// <summary>
    /// True when a container takes this very sound: it is asked by beginning a file with it, in memory. Tables of codecs say too much: FLAC
    /// in mp4 is listed and refused, and flv takes some rates only.
    /// </summary>
    public static bool CanHold(AVOutputFormat* format, AVCodecParameters* sound)
    {
        if (!CanHold(format, sound->codec_id) || Unplayable(NameOf(format), sound->codec_id, sound->sample_rate))
        {
            return false;
        }

        AVFormatContext* context;
        if (avformat_alloc_output_context2(&context, format, null, null) < 0)
        {
            return false;
        }

        try
        {
            var stream = avformat_new_stream(context, null);
            if (stream is null || avcodec_parameters_copy(stream->codecpar, sound) < 0 || avio_open_dyn_buf(&context->pb) < 0)
            {
                return false;
            }

            // The source's own tag may be another container's.
            stream->codecpar->codec_tag = 0;
            stream->time_base = new AVRational { num = 1, den = Math.Max(1, sound->sample_rate) };
            return avformat_write_header(context, null) >= 0;
        }
        finally
        {
            if (context->pb is not null)
            {
                byte* bytes;
                _ = avio_close_dyn_buf(context->pb, &bytes);
                av_free(bytes);
                context->pb = null;
            }

            avformat_free_context(context);
        }
    }

    // What begins well and cannot be read again: found by the table of all pairs in the tests.
    private static bool Unplayable(string format, AVCodecID codec, int rate) => format switch
    {
        "avi" => codec is AVCodecID.AV_CODEC_ID_OPUS or AVCodecID.AV_CODEC_ID_VORBIS or AVCodecID.AV_CODEC_ID_FLAC
            or AVCodecID.AV_CODEC_ID_TRUEHD or AVCodecID.AV_CODEC_ID_ALAC or AVCodecID.AV_CODEC_ID_EAC3 or AVCodecID.AV_CODEC_ID_DTS
            or AVCodecID.AV_CODEC_ID_TTA or AVCodecID.AV_CODEC_ID_ADPCM_IMA_WAV or AVCodecID.AV_CODEC_ID_ADPCM_MS,
        "mov" => codec is AVCodecID.AV_CODEC_ID_WMAV1 or AVCodecID.AV_CODEC_ID_WMAV2,
        // Its reader forgets the number of channels that the second one needs.
        "nut" => codec is AVCodecID.AV_CODEC_ID_WMAV1 or AVCodecID.AV_CODEC_ID_WMAV2 or AVCodecID.AV_CODEC_ID_ADPCM_IMA_WAV,
        // FFmpeg 7 writes it and cannot read the fragments; few players do.
        "mp4" => avcodec_get_name(codec).StartsWith("pcm_", StringComparison.Ordinal),
        // The first four are new in FFmpeg 8: servers and players do not know them yet. The others its reader takes for telephone sound.
        "flv" or "f4v" => codec is AVCodecID.AV_CODEC_ID_AC3 or AVCodecID.AV_CODEC_ID_EAC3 or AVCodecID.AV_CODEC_ID_OPUS
            or AVCodecID.AV_CODEC_ID_FLAC
            || (codec is AVCodecID.AV_CODEC_ID_PCM_MULAW or AVCodecID.AV_CODEC_ID_PCM_ALAW && rate != TelephoneRate),
        _ => false,
    };

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
