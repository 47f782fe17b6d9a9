using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Which encoded streams an output whose time does not wait is made of.</summary>
internal static unsafe class StreamChoice
{
    private const string Unnamed = "auto";
    private const string Common = "matroska";
    private const string ViewersSound = "libopus";
    private const int ViewersBitRate = 96_000;

    /// <summary>Those of a container.</summary>
    /// <exception cref="MediaException">This FFmpeg lacks the encoder, or the container cannot hold its codec.</exception>
    public static OutputStreams For(LiveSinkOptions options, OutputTarget target)
    {
        var format = av_guess_format(target.Format, null, null);
        var sound = options.HasSound ? EncoderChoice.ForSound(format) : null;
        return new OutputStreams(
            Pictures(options, target.Format, Encoding(options, target)),
            sound is null ? null : new SoundStream(EncoderChoice.NameOf(sound), options.AudioBitRate),
            target.Format == "hls" ? TimeSpan.FromSeconds(target.KeyFrameSeconds) : null);
    }

    /// <summary>Those of browsers: H.264, as other outputs have it where they do, and Opus.</summary>
    /// <exception cref="MediaException">This FFmpeg has no encoder for H.264.</exception>
    public static OutputStreams ForViewers(LiveSinkOptions options)
    {
        var codec = avcodec_find_encoder_by_name(options.VideoCodec);
        var isH264 = codec is not null && codec->id == AVCodecID.AV_CODEC_ID_H264;
        var encoding = Encoding(options, Common, new LiveEncoding(BitRate(options))) with
        {
            VideoCodec = isH264 ? options.VideoCodec : Automatic(Common, false) is var name && name == Unnamed ? "libx264" : name,
        };
        var hasOpus = options.HasSound && avcodec_find_encoder_by_name(ViewersSound) is not null;
        return new OutputStreams(Pictures(options, Common, encoding), hasOpus ? new SoundStream(ViewersSound, ViewersBitRate) : null);
    }

    /// <summary>Throws where pictures can never be encoded for the target, whoever takes them.</summary>
    /// <exception cref="MediaException">See <see cref="FrameEncoder.Check"/>.</exception>
    public static void Check(LiveSinkOptions options, OutputTarget target)
    {
        // What is chosen for it goes with it.
        if (options.VideoCodec != Unnamed || options.HasAlpha)
        {
            FrameEncoder.Check(Encoding(options, target), Video(options), av_guess_format(target.Format, null, null));
        }
    }

    /// <summary>Size and rate of an output's pictures; a tick is one of them.</summary>
    public static VideoStreamInfo Video(LiveSinkOptions options) =>
        new(options.Width, options.Height, options.FrameRate, options.FrameRate.Inverse);

    private static PictureStream Pictures(LiveSinkOptions options, string format, FileSinkOptions encoding)
    {
        var codec = EncoderChoice.ForFrames(encoding, av_guess_format(format, null, null));
        var isCommon = ContainerSupport.CanHold(av_guess_format(Common, null, null), codec->id);
        return new PictureStream(
            isCommon ? Common : format, encoding with { Output = "", VideoCodec = EncoderChoice.NameOf(codec) }, Video(options));
    }

    private static FileSinkOptions Encoding(LiveSinkOptions options, OutputTarget target) => Encoding(options, target.Format,
        new LiveEncoding(BitRate(options), target.KeyFrameSeconds, options.IsConstantBitRate && IsNetwork(options)));

    private static FileSinkOptions Encoding(LiveSinkOptions options, string format, LiveEncoding live) => new()
    {
        Output = options.Output,
        Live = live,
        Preset = options.Preset,
        VideoCodec = format == "v4l2" ? "rawvideo"
            : options.VideoCodec == Unnamed && !options.HasAlpha ? Automatic(format, live.IsConstant)
            : options.VideoCodec,
        HasAlpha = options.HasAlpha,
        // What cameras give and every program takes.
        PixelFormat = format == "v4l2" ? "yuyv422" : null,
    };

    private static long BitRate(LiveSinkOptions options) =>
        options.VideoBitRate ?? LiveEncoding.DefaultBitRate(options.Width, options.Height, options.FrameRate.ToDouble());

    // Filler in a file is of use to nobody.
    private static bool IsNetwork(LiveSinkOptions options) =>
        MediaAddress.Parse(options.Output).Kind is MediaKind.Rtmp or MediaKind.Srt or MediaKind.Udp or MediaKind.Relay;

    private static string Automatic(string format, bool isConstant)
    {
        const string Hardware = "h264_nvenc";
        var canHold = ContainerSupport.CanHold(av_guess_format(format, null, null), AVCodecID.AV_CODEC_ID_H264);
        return canHold && !isConstant && NvencWorks.Value ? Hardware : Unnamed;
    }

    private static readonly Lazy<bool> NvencWorks = new(
        () => avcodec_find_encoder_by_name("h264_nvenc") is var codec && codec is not null && FFmpegInspector.Opens(codec));
}
