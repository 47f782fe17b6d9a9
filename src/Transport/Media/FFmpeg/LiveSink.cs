using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// An output that was opened once: pictures and sound encoded for the least delay, their times beginning at zero with the first picture.
/// </summary>
internal sealed unsafe class LiveSink : ILiveSink
{
    private const string Unnamed = "auto";

    private readonly OutputFile _file;
    private readonly Rational _rate;
    private readonly FrameEncoder _frames = null!;
    private readonly LiveSound? _sound;
    private long? _first;
    private bool _isBroken;
    private bool _isFinished;

    private LiveSink(LiveSinkOptions options, OutputTarget target, CancellationToken ct)
    {
        _rate = options.FrameRate;
        _file = new OutputFile(target, ct);
        try
        {
            var video = new VideoStreamInfo(options.Width, options.Height, _rate, _rate.Inverse);
            _frames = new FrameEncoder(_file, Encoding(options, target), video);
            var codec = options.HasSound ? EncoderChoice.ForSound(_file.Format) : null;
            _sound = codec is null ? null : new LiveSound(_file, codec, options.AudioBitRate);
            _file.WriteHeader();
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <exception cref="MediaException">It cannot be opened now, or container and codec do not go together.</exception>
    public static LiveSink Open(LiveSinkOptions options, OutputTarget target, CancellationToken ct) => new(options, target, ct);

    /// <summary>Throws where pictures can never be encoded for the target, whoever takes them.</summary>
    /// <exception cref="MediaException">See <see cref="FrameEncoder.Check"/>.</exception>
    public static void Check(LiveSinkOptions options, OutputTarget target)
    {
        // What is chosen for it goes with it.
        if (options.VideoCodec != Unnamed || options.HasAlpha)
        {
            var video = new VideoStreamInfo(options.Width, options.Height, options.FrameRate, options.FrameRate.Inverse);
            FrameEncoder.Check(Encoding(options, target), video, av_guess_format(target.Format, null, null));
        }
    }

    public void Write(VideoFrame frame, long number)
    {
        _first ??= number;
        Guard(() => _frames.Write(frame, number - _first.Value, 1));
    }

    public void Write(SoundBlock block)
    {
        // Sound from before the first picture has no place in this output.
        if (_sound is not null && _first is { } first)
        {
            var start = _rate.Inverse.Rescale(first, new Rational(1, SoundBlock.Rate));
            Guard(() => _sound.Write(block, start));
        }
    }

    public void Complete()
    {
        if (_isFinished)
        {
            return;
        }

        _isFinished = true;
        // After a failed write the encoders' state is unknown; what reached the container can still be closed.
        if (!_isBroken)
        {
            _frames.Finish();
            _sound?.Finish();
        }

        _file.Finish();
    }

    public void Abandon() => _isFinished = true;

    public LinkStatistics? Link => _file.Link;

    public RecordingFinish? Rest => _file.Rest();

    public void Dispose()
    {
        try
        {
            Complete();
        }
        catch (Exception error) when (error is MediaException or OperationCanceledException)
        {
            // It failed before and is on its way out.
        }

        Free();
    }

    private static FileSinkOptions Encoding(LiveSinkOptions options, OutputTarget target)
    {
        var format = target.Format;
        var live = new LiveEncoding(
            options.VideoBitRate ?? LiveEncoding.DefaultBitRate(options.Width, options.Height, options.FrameRate.ToDouble()),
            target.KeyFrameSeconds, options.IsConstantBitRate && IsNetwork(options));
        return new FileSinkOptions
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
    }

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

    private void Guard(Action write)
    {
        try
        {
            write();
        }
        catch
        {
            _isBroken = true;
            throw;
        }
    }

    private void Free()
    {
        _sound?.Dispose();
        _frames?.Dispose();
        _file.Dispose();
    }
}
