using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Converts frames to the encoder's pixel format, encodes them and writes the packets.</summary>
internal sealed unsafe class FrameEncoder : IDisposable
{
    private static readonly ColorDescription Rgb = new(SWS_CS_ITU601, FullRange: true);

    private readonly IPacketTarget _file;
    private readonly AVStream* _stream;
    private readonly Scaler _scaler = new();
    private readonly FrameClock _clock = null!;
    private readonly ColorDescription _color;
    private readonly VideoStreamInfo _video;
    private readonly bool _hasAlpha;
    private byte[] _rgba = [];
    private bool _hasFrames;
    private bool _isDrained;
    private AVCodecContext* _context;
    private AVFrame* _frame = av_frame_alloc();
    private AVPacket* _packet = av_packet_alloc();

    public FrameEncoder(IPacketTarget file, FileSinkOptions options, VideoStreamInfo video)
    {
        _file = file;
        _video = video;
        _hasAlpha = options.HasAlpha;
        try
        {
            var codec = EncoderChoice.ForFrames(options, file.Format);
            _clock = FrameClock.For(video, file.Format, codec);
            _context = FrameEncoderSetup.Open(codec, options, video, _clock.TimeBase, file);
            _color = FrameEncoderSetup.ColorOf(_context);
            _stream = file.AddStream(_context);
            FrameEncoderSetup.TagForPlayers(_stream, file.Format);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Throws where pictures can never be encoded so for a container.</summary>
    /// <exception cref="MediaException">
    /// The container cannot hold the codec, this FFmpeg lacks the encoder, or it refuses the settings or does not work here.
    /// </exception>
    public static void Check(FileSinkOptions options, VideoStreamInfo video, AVOutputFormat* format)
    {
        var codec = EncoderChoice.ForFrames(options, format);
        var context = FrameEncoderSetup.Open(
            codec, options, video, FrameClock.For(video, format, codec).TimeBase, new NoTarget(format));
        NativeObject.Free(ref context);
    }

    /// <summary>Size of the encoded picture: the frame's, without an odd last column or row where the pixel format has none.</summary>
    public (int Width, int Height) Size => (_context->width, _context->height);

    /// <summary>Encodes a frame.</summary>
    public void Write(VideoFrame frame) => Write(frame, frame.Pts, frame.Duration);

    /// <summary>Encodes a frame at another time than its own: one that others show too, or that is shown again.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="pts">Its time.</param>
    /// <param name="duration">How long it is shown.</param>
    /// <param name="isKey">True makes it a key frame; default: as the encoder likes.</param>
    public void Write(VideoFrame frame, long pts, long duration, bool isKey = false)
    {
        if (frame.Width != _video.Width || frame.Height != _video.Height)
        {
            throw new ArgumentException(
                $"The output takes frames of {_video.Width}x{_video.Height}, not {frame.Width}x{frame.Height}.", nameof(frame));
        }

        Convert(frame);
        _frame->pts = _clock.Next(pts, duration);
        _frame->pict_type = isKey ? AVPictureType.AV_PICTURE_TYPE_I : AVPictureType.AV_PICTURE_TYPE_NONE;
        _hasFrames = true;
        Send(_frame);
    }

    /// <summary>Writes what the encoder still holds.</summary>
    public void Finish()
    {
        if (_hasFrames)
        {
            _isDrained = true;
            Send(null);
        }
    }

    public void Dispose()
    {
        DrainSvt();
        NativeObject.Free(ref _frame);
        NativeObject.Free(ref _packet);
        NativeObject.Free(ref _context);
        _scaler.Dispose();
    }

    private void Convert(VideoFrame frame)
    {
        PrepareFrame();
        var format = _hasAlpha ? AVPixelFormat.AV_PIX_FMT_RGBA : AVPixelFormat.AV_PIX_FMT_RGB24;
        _scaler.Configure(new ScalerSetup(Size, format, Rgb, Size, _context->pix_fmt, _color));
        _scaler.SetTarget(_frame);
        if (!_hasAlpha)
        {
            _scaler.SetSource((byte*)frame.Pointer, frame.Width * 3);
            _scaler.Run();
            return;
        }

        fixed (byte* pixels = WithAlpha(frame))
        {
            _scaler.SetSource(pixels, frame.Width * 4);
            _scaler.Run();
        }
    }

    // A frame that has none is there as a whole, such as a picture that stands in for the source.
    private byte[] WithAlpha(VideoFrame frame)
    {
        var count = frame.Width * frame.Height;
        var pixels = frame.Pixels;
        var alpha = frame.Alpha;
        // swscale may read a few bytes past the end.
        if (_rgba.Length == 0)
        {
            _rgba = new byte[4 * count + 64];
        }

        for (var i = 0; i < count; i++)
        {
            _rgba[4 * i] = pixels[3 * i];
            _rgba[4 * i + 1] = pixels[3 * i + 1];
            _rgba[4 * i + 2] = pixels[3 * i + 2];
            _rgba[4 * i + 3] = alpha.IsEmpty ? byte.MaxValue : alpha[i];
        }

        return _rgba;
    }

    // SVT-AV1 never returns from being freed unless at least one picture and then the end went through it.
    private void DrainSvt()
    {
        if (_context is null || _isDrained || EncoderChoice.NameOf(_context->codec) != "libsvtav1")
        {
            return;
        }

        PrepareFrame();
        _frame->pts = _clock.Next(0, 0);
        _ = avcodec_send_frame(_context, _frame);
        _ = avcodec_send_frame(_context, null);
        while (avcodec_receive_packet(_context, _packet) >= 0)
        {
            av_packet_unref(_packet);
        }
    }

    // Most encoders are done with a picture when they return; for those that keep it a fresh one is taken.
    private void PrepareFrame()
    {
        if (_frame->buf[0] is not null && av_frame_is_writable(_frame) > 0)
        {
            return;
        }

        av_frame_unref(_frame);
        (_frame->width, _frame->height, _frame->format) = (Size.Width, Size.Height, (int)_context->pix_fmt);
        (_frame->color_range, _frame->colorspace) = (_context->color_range, _context->colorspace);
        (_frame->color_primaries, _frame->color_trc) = (_context->color_primaries, _context->color_trc);
        FFmpegError.ThrowIfFailed(av_frame_get_buffer(_frame, 0), "picture buffer");
    }

    private void Send(AVFrame* picture)
    {
        FFmpegError.ThrowIfFailed(avcodec_send_frame(_context, picture), "video encoder");
        while (true)
        {
            var result = avcodec_receive_packet(_context, _packet);
            if (FFmpegError.IsPause(result))
            {
                return;
            }

            FFmpegError.ThrowIfFailed(result, "video encoder");
            _packet->duration = _clock.DurationOf(_packet->pts);
            _packet->stream_index = _stream->index;
            av_packet_rescale_ts(_packet, _context->time_base, _stream->time_base);
            _file.Write(_packet);
        }
    }

    /// <summary>A container that nothing is written to.</summary>
    private sealed class NoTarget(AVOutputFormat* format) : IPacketTarget
    {
        private readonly AVOutputFormat* _format = format;

        public AVOutputFormat* Format => _format;

        public bool WantsGlobalHeaders => false;

        public AVStream* AddStream(AVCodecContext* encoder) => throw new NotSupportedException();

        public void Write(AVPacket* packet) => throw new NotSupportedException();
    }
}
