using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Picks encoders and pixel formats, and says in one line why a wish cannot be met.</summary>
internal static unsafe class EncoderChoice
{
    private const string Automatic = "auto";
    private const string Preferred = "libx264";

    // In this order, as far as the container holds them.
    private static readonly string[] WithAlpha = ["libvpx-vp9", "prores_ks"];

    /// <summary>The encoder for pictures.</summary>
    /// <exception cref="MediaException">This FFmpeg lacks it, or the container cannot hold its codec.</exception>
    public static AVCodec* ForFrames(FileSinkOptions options, AVOutputFormat* format)
    {
        var codec = options.VideoCodec != Automatic ? Find(options.VideoCodec)
            : options.HasAlpha ? ForAlpha(options, format) : ForContainer(format);
        if (codec is null || codec->type != AVMediaType.AVMEDIA_TYPE_VIDEO)
        {
            throw new MediaException(
                $"Video codec '{options.VideoCodec}' is not in this FFmpeg: use libx264 or another encoder that 'ffmpeg -encoders' lists.");
        }

        if (!ContainerSupport.CanHold(format, codec->id))
        {
            var fallback = ForContainer(format);
            string?[] advice =
            [
                fallback is null ? null : $"use the codec {NameOf(fallback)}",
                // What a protocol holds is given.
                MediaAddress.Parse(options.Output).Kind == MediaKind.File ? "give the file another extension such as .mkv" : null,
            ];
            throw new MediaException(
                $"Output '{AddressSecrets.HideAddress(options.Output)}': {ContainerSupport.NameOf(format)} cannot hold "
                    + $"{avcodec_get_name(codec->id)} video; {string.Join(", or ", advice.OfType<string>())}.");
        }

        return options.HasAlpha && !KeepsAlpha(codec, format) ? throw NoAlpha(options, format) : codec;
    }

    /// <summary>The encoder for sound that the container cannot hold as it is; null when it holds no sound at all.</summary>
    public static AVCodec* ForSound(AVOutputFormat* format)
    {
        // Old players of AVI know no AAC in it.
        var isAvi = ContainerSupport.NameOf(format) == "avi";
        AVCodecID[] wishes = isAvi ? [format->audio_codec] : [AVCodecID.AV_CODEC_ID_AAC, AVCodecID.AV_CODEC_ID_OPUS, format->audio_codec];
        foreach (var wish in wishes)
        {
            var encoder = wish == AVCodecID.AV_CODEC_ID_OPUS ? avcodec_find_encoder_by_name("libopus") : avcodec_find_encoder(wish);
            if (wish != AVCodecID.AV_CODEC_ID_NONE && encoder is not null && ContainerSupport.CanHold(format, wish))
            {
                return encoder;
            }
        }

        return null;
    }

    /// <summary>The pixel format to encode in.</summary>
    /// <param name="codec">The encoder.</param>
    /// <param name="wish">Its name; null for what goes best.</param>
    /// <param name="hasAlpha">True for one with transparency.</param>
    /// <exception cref="MediaException">The wish is no pixel format or the encoder does not take it.</exception>
    public static AVPixelFormat PixelFormat(AVCodec* codec, string? wish, bool hasAlpha = false)
    {
        var supported = Supported(codec);
        if (hasAlpha)
        {
            supported = [.. supported.Where(HasAlpha)];
        }

        if (wish is null)
        {
            AVPixelFormat[] preferred =
            [
                AVPixelFormat.AV_PIX_FMT_YUV420P, AVPixelFormat.AV_PIX_FMT_YUVJ420P, AVPixelFormat.AV_PIX_FMT_YUV422P,
                AVPixelFormat.AV_PIX_FMT_RGB24, AVPixelFormat.AV_PIX_FMT_RGB8,
            ];
            return supported.Count == 0 ? preferred[0] : preferred.Where(supported.Contains).Append(supported[0]).First();
        }

        var format = av_get_pix_fmt(wish);
        if (format == AVPixelFormat.AV_PIX_FMT_NONE || (supported.Count > 0 && !supported.Contains(format)))
        {
            throw new MediaException(
                $"Pixel format '{wish}' does not go with {NameOf(codec)}: use one of "
                    + $"{string.Join(", ", supported.Select(av_get_pix_fmt_name))}.");
        }

        return format;
    }

    // Palettes have one transparent colour at best.
    private static bool HasAlpha(AVPixelFormat format) =>
        (av_pix_fmt_desc_get(format)->flags & (ulong)(AV_PIX_FMT_FLAG_ALPHA | AV_PIX_FMT_FLAG_PAL)) == AV_PIX_FMT_FLAG_ALPHA;

    // VP8 and VP9 have their transparency beside the picture, where only Matroska has a place for it.
    private static bool KeepsAlpha(AVCodec* codec, AVOutputFormat* format) => Supported(codec).Exists(HasAlpha)
        && (!NameOf(codec).StartsWith("libvpx", StringComparison.Ordinal) || ContainerSupport.NameOf(format) is "matroska" or "webm");

    private static AVCodec* ForAlpha(FileSinkOptions options, AVOutputFormat* format)
    {
        foreach (var name in WithAlpha)
        {
            var codec = avcodec_find_encoder_by_name(name);
            if (codec is not null && ContainerSupport.CanHold(format, codec->id) && KeepsAlpha(codec, format))
            {
                return codec;
            }
        }

        throw NoAlpha(options, format);
    }

    private static MediaException NoAlpha(FileSinkOptions options, AVOutputFormat* format) => new(
        $"Output '{AddressSecrets.HideAddress(options.Output)}': {ContainerSupport.NameOf(format)}"
            + $"{(options.VideoCodec == Automatic ? "" : $" with the codec {options.VideoCodec}")} cannot hold transparency; use .mov "
            + "(prores_ks, qtrle or png), .webm or .mkv (libvpx-vp9), or a .png still.");

    public static string NameOf(AVCodec* codec) => Marshal.PtrToStringUTF8((nint)codec->name) ?? "";

    private static AVCodec* ForContainer(AVOutputFormat* format)
    {
        var preferred = avcodec_find_encoder_by_name(Preferred);
        return preferred is not null && ContainerSupport.CanHold(format, preferred->id)
            ? preferred
            : avcodec_find_encoder(format->video_codec);
    }

    private static AVCodec* Find(string name)
    {
        var encoder = avcodec_find_encoder_by_name(name);
        if (encoder is not null)
        {
            return encoder;
        }

        var descriptor = avcodec_descriptor_get_by_name(name);
        return descriptor is null ? null : avcodec_find_encoder(descriptor->id);
    }

    private static List<AVPixelFormat> Supported(AVCodec* codec)
    {
        var formats = new List<AVPixelFormat>();
        for (var format = codec->pix_fmts; format is not null && *format != AVPixelFormat.AV_PIX_FMT_NONE; format++)
        {
            var isHardware = (av_pix_fmt_desc_get(*format)->flags & (ulong)AV_PIX_FMT_FLAG_HWACCEL) != 0;
            if (!isHardware)
            {
                formats.Add(*format);
            }
        }

        return formats;
    }
}
