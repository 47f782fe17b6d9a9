using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Opens an encoder for pictures.</summary>
internal static unsafe class FrameEncoderSetup
{
    /// <exception cref="MediaException">The encoder refuses the settings.</exception>
    public static AVCodecContext* Open(
        AVCodec* codec, FileSinkOptions options, VideoStreamInfo video, Rational timeBase, IPacketTarget file)
    {
        var context = avcodec_alloc_context3(codec);
        AVDictionary* settings = null;
        try
        {
            Describe(context, codec, options, video, timeBase);
            context->flags |= file.WantsGlobalHeaders ? AV_CODEC_FLAG_GLOBAL_HEADER : 0;
            // AVI stores no display order.
            context->max_b_frames = ContainerSupport.NameOf(file.Format) == "avi" ? 0 : context->max_b_frames;
            EncoderTuning.Apply(context, codec, options.Crf);
            if (options.Live is { } live && codec->id != AVCodecID.AV_CODEC_ID_RAWVIDEO)
            {
                EncoderTuning.ApplyLive(context, live);
            }

            foreach (var (key, value) in EncoderTuning.Options(codec, options))
            {
                _ = av_dict_set(&settings, key, value, 0);
            }

            var result = avcodec_open2(context, codec, &settings);
            return result >= 0 ? context : throw Refusal(codec, options, context, result);
        }
        catch
        {
            NativeObject.Free(ref context);
            throw;
        }
        finally
        {
            av_dict_free(&settings);
        }
    }

    /// <summary>How an opened encoder understands its YUV numbers.</summary>
    public static ColorDescription ColorOf(AVCodecContext* context) =>
        new(context->colorspace == AVColorSpace.AVCOL_SPC_BT709 ? SWS_CS_ITU709 : SWS_CS_ITU601,
            context->color_range == AVColorRange.AVCOL_RANGE_JPEG);

    /// <summary>QuickTime plays HEVC in mp4 and mov under this tag only.</summary>
    public static void TagForPlayers(AVStream* stream, AVOutputFormat* format)
    {
        if (stream->codecpar->codec_id == CodecIds.Hevc && ContainerSupport.NameOf(format) is "mp4" or "mov")
        {
            stream->codecpar->codec_tag = 'h' | ('v' << 8) | ('c' << 16) | ('1' << 24);
        }
    }

    private static void Describe(AVCodecContext* context, AVCodec* codec, FileSinkOptions options, VideoStreamInfo video, Rational timeBase)
    {
        context->pix_fmt = EncoderChoice.PixelFormat(codec, options.PixelFormat, options.HasAlpha);
        (context->width, context->height) = EncodedSize(video, context->pix_fmt);
        context->time_base = timeBase.ToNative();
        context->framerate = video.FrameRate.IsPositive ? video.FrameRate.ToNative() : timeBase.Inverse.ToNative();
        context->sample_aspect_ratio = new AVRational { num = 1, den = 1 };
        SetColor(context);
    }

    // Chroma that covers two columns or rows cannot end after one.
    private static (int Width, int Height) EncodedSize(VideoStreamInfo video, AVPixelFormat format)
    {
        var descriptor = av_pix_fmt_desc_get(format);
        return (Floor(video.Width, descriptor->log2_chroma_w), Floor(video.Height, descriptor->log2_chroma_h));

        static int Floor(int side, int shift) => Math.Max(1 << shift, side >> shift << shift);
    }

    // Codecs that carry a colour description say BT.709; readers of the others assume BT.601.
    private static void SetColor(AVCodecContext* context)
    {
        var isRgb = (av_pix_fmt_desc_get(context->pix_fmt)->flags & (ulong)AV_PIX_FMT_FLAG_RGB) != 0;
        if (isRgb)
        {
            return;
        }

        if (context->codec_id is AVCodecID.AV_CODEC_ID_MJPEG)
        {
            (context->colorspace, context->color_range) = (AVColorSpace.AVCOL_SPC_BT470BG, AVColorRange.AVCOL_RANGE_JPEG);
            return;
        }

        context->color_range = AVColorRange.AVCOL_RANGE_MPEG;
        var codec = context->codec_id;
        var carriesColor = codec is AVCodecID.AV_CODEC_ID_H264 or AVCodecID.AV_CODEC_ID_MPEG2VIDEO or AVCodecID.AV_CODEC_ID_PRORES
            || codec == CodecIds.Hevc || codec == CodecIds.Vp9 || codec == CodecIds.Av1;
        context->colorspace = carriesColor ? AVColorSpace.AVCOL_SPC_BT709 : AVColorSpace.AVCOL_SPC_SMPTE170M;
        context->color_primaries = carriesColor ? AVColorPrimaries.AVCOL_PRI_BT709 : AVColorPrimaries.AVCOL_PRI_SMPTE170M;
        context->color_trc = carriesColor
            ? AVColorTransferCharacteristic.AVCOL_TRC_BT709
            : AVColorTransferCharacteristic.AVCOL_TRC_SMPTE170M;
    }

    private static MediaException Refusal(AVCodec* codec, FileSinkOptions options, AVCodecContext* context, int code)
    {
        var name = EncoderChoice.NameOf(codec);
        var hardware = name.EndsWith("_nvenc", StringComparison.Ordinal)
            ? "; it needs an NVIDIA GPU with an encoder and its driver, libx264 runs everywhere"
            : "";
        var quality = options.Crf is { } crf ? $", quality {crf}" : "";
        return new MediaException(
            $"Encoder {name} refuses {context->width}x{context->height}, preset '{options.Preset}'{quality}: "
                + $"{FFmpegError.Describe(code)}{hardware}.");
    }
}
