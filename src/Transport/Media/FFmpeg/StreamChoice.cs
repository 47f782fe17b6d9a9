using System.Collections.Concurrent;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Playlists;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Which encoded streams an output whose time does not wait is made of.</summary>
internal static unsafe class StreamChoice
{
    private const string Unnamed = "auto";
    private const string Common = "matroska";
    private const string ViewersSound = "libopus";
    private const int ViewersBitRate = 96_000;
    private const string Hardware = "h264_nvenc";

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
        // Others make H.264 too, such as of RGB, which browsers do not play.
        var isPlayed = options.VideoCodec is "libx264" or Hardware && avcodec_find_encoder_by_name(options.VideoCodec) is not null;
        var encoding = Encoding(options, Common, new LiveEncoding(BitRate(options))) with
        {
            VideoCodec = isPlayed ? options.VideoCodec : Automatic(Common, false) is var name && name == Unnamed ? "libx264" : name,
        };
        var hasOpus = options.HasSound && avcodec_find_encoder_by_name(ViewersSound) is not null;
        return new OutputStreams(Pictures(options, Common, encoding), hasOpus ? new SoundStream(ViewersSound, ViewersBitRate) : null);
    }

    /// <summary>Those of players of a playlist: the pictures of browsers, and AAC, which every player hears.</summary>
    /// <exception cref="MediaException">This FFmpeg has no encoder for H.264.</exception>
    public static OutputStreams ForPlayers(LiveSinkOptions options)
    {
        var sound = options.HasSound ? EncoderChoice.ForSound(av_guess_format(PlaylistSink.Container, null, null)) : null;
        return new OutputStreams(
            ForViewers(options with { HasSound = false }).Pictures,
            sound is null ? null : new SoundStream(EncoderChoice.NameOf(sound), options.AudioBitRate), PlaylistTimes.SegmentLength);
    }

    /// <summary>Bits a second of pictures and sound.</summary>
    public static long AllBits(LiveSinkOptions options) => BitRate(options) + (options.HasSound ? options.AudioBitRate : 0);

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
        var stream = new PictureStream(
            isCommon ? Common : format, encoding with { Output = "", VideoCodec = EncoderChoice.NameOf(codec) }, Video(options));
        return stream with { MakesKeys = MakesKeys(stream) };
    }

    // Some, such as FFV1's and Theora's, make key frames when they like, and FFmpeg does not say which: each is tried once.
    private static bool MakesKeys(PictureStream stream)
    {
        // For these the setup of encoders says so.
        var name = stream.Encoding.VideoCodec;
        return name is "libx264" or "libx265" or Hardware || Tried.GetOrAdd(name, _ => new Lazy<bool>(() => TryKey(stream))).Value;
    }

    private static bool TryKey(PictureStream stream)
    {
        // Every codec knows this size.
        const int Width = 176;
        const int Height = 144;
        const int Last = 2;
        var isKey = false;
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, Width, Height);
        frame.Pixels.Clear();
        try
        {
            using var encoder = new LiveEncoder(stream with { Video = stream.Video with { Width = Width, Height = Height } }, unit =>
            {
                using (unit)
                {
                    isKey |= unit.Place == Last && unit.Kind == PacketKind.Key;
                }
            });
            for (var i = 0; i <= Last; i++)
            {
                encoder.Write(frame, i, i == Last);
            }

            encoder.Finish();
        }
        catch (MediaException)
        {
            // What it is opened for will tell why.
        }

        return isKey;
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
        var canHold = ContainerSupport.CanHold(av_guess_format(format, null, null), AVCodecID.AV_CODEC_ID_H264);
        return canHold && !isConstant && NvencWorks.Value ? Hardware : Unnamed;
    }

    private static readonly ConcurrentDictionary<string, Lazy<bool>> Tried = new();

    private static readonly Lazy<bool> NvencWorks = new(
        () => avcodec_find_encoder_by_name(Hardware) is var codec && codec is not null && FFmpegInspector.Opens(codec));
}
