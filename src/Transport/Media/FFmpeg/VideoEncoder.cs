using System.Globalization;
using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>RGB pictures to packets of one video stream, 8-bit 4:2:0 in BT.709.</summary>
internal sealed unsafe class VideoEncoder : IDisposable
{
    private const int DefaultX264Quality = 20;
    private const int DefaultVpxQuality = 31;
    private readonly Muxer _muxer;
    private readonly AVStream* _stream;
    private readonly FilterGraph _toYuv;
    private readonly int _width;
    private readonly int _height;
    private AVCodecContext* _context;
    private AVFrame* _rgb;
    private AVFrame* _yuv;
    private AVPacket* _packet;
    private bool _flushed;

    public VideoEncoder(Muxer muxer, SinkOptions options, VideoStreamInfo video)
    {
        _muxer = muxer;
        // 4:2:0 has no half pixels: an odd last row or column is left out.
        _width = video.Width & ~1;
        _height = video.Height & ~1;
        var codec = FindCodec(muxer, options);
        _context = Av.Allocated(avcodec_alloc_context3(codec));
        try
        {
            Configure(codec, options, video);
            _stream = muxer.AddStream();
            Av.Check(avcodec_parameters_from_context(_stream->codecpar, _context), options.Output);
            _stream->time_base = _context->time_base;
            _stream->avg_frame_rate = _context->framerate;
            _toYuv = FilterGraph.ForVideo(_width, _height, AVPixelFormat.AV_PIX_FMT_RGB24, video.TimeBase, new Rational(1, 1), video.FrameRate,
                "scale=out_color_matrix=bt709:out_range=tv:flags=fast_bilinear,format=yuv420p");
            _rgb = Av.Allocated(av_frame_alloc());
            _yuv = Av.Allocated(av_frame_alloc());
            _packet = Av.Allocated(av_packet_alloc());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Write(VideoFrame frame)
    {
        _rgb->format = (int)AVPixelFormat.AV_PIX_FMT_RGB24;
        _rgb->width = _width;
        _rgb->height = _height;
        _rgb->data[0] = (byte*)frame.Address;
        _rgb->linesize[0] = 3 * frame.Width;
        _rgb->pts = frame.Pts;
        _rgb->pkt_duration = frame.Duration;
        // The frame is not reference-counted, so the graph copies it and the caller's buffer is free again.
        Av.Check(_toYuv.Push(_rgb), "cannot convert a picture");
        av_frame_unref(_rgb);
        Av.Check(_toYuv.Pull(_yuv), "cannot convert a picture");
        _yuv->pict_type = AVPictureType.AV_PICTURE_TYPE_NONE;
        Encode(_yuv);
        av_frame_unref(_yuv);
    }

    public void Flush()
    {
        if (_flushed)
            return;
        _flushed = true;
        Encode(null);
    }

    public void Dispose()
    {
        _toYuv?.Dispose();
        var context = _context;
        _context = null;
        if (context != null)
            avcodec_free_context(&context);
        var rgb = _rgb;
        _rgb = null;
        av_frame_free(&rgb);
        var yuv = _yuv;
        _yuv = null;
        av_frame_free(&yuv);
        var packet = _packet;
        _packet = null;
        av_packet_free(&packet);
    }

    private void Encode(AVFrame* frame)
    {
        Av.Check(avcodec_send_frame(_context, frame), "video encoder");
        while (true)
        {
            var code = avcodec_receive_packet(_context, _packet);
            if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
                return;
            Av.Check(code, "video encoder");
            _muxer.Write(_packet, _stream, _context->time_base);
        }
    }

    private static AVCodec* FindCodec(Muxer muxer, SinkOptions options)
    {
        var name = options.VideoCodec ?? (muxer.Accepts(AVCodecID.AV_CODEC_ID_H264) ? "libx264" : null);
        var codec = name is not null ? avcodec_find_encoder_by_name(name) : avcodec_find_encoder(muxer.DefaultVideoCodec);
        if (codec == null)
            throw new MediaException($"the installed FFmpeg has no video encoder '{name ?? muxer.Container}' (see 'ffmpeg -encoders')");
        if (codec->type != AVMediaType.AVMEDIA_TYPE_VIDEO)
            throw new MediaException($"'{name}' is not a video encoder");
        if (!muxer.Accepts(codec->id))
            throw new MediaException($"{options.Output}: {muxer.Container} cannot hold {avcodec_get_name(codec->id)}: choose another --codec or extension");
        return codec;
    }

    private void Configure(AVCodec* codec, SinkOptions options, VideoStreamInfo video)
    {
        var name = System.Runtime.InteropServices.Marshal.PtrToStringUTF8((nint)codec->name) ?? "";
        _context->width = _width;
        _context->height = _height;
        _context->pix_fmt = AVPixelFormat.AV_PIX_FMT_YUV420P;
        _context->time_base = TimeBaseFor(codec, video);
        _context->framerate = Av.ToNative(video.FrameRate);
        _context->sample_aspect_ratio = new AVRational { num = 1, den = 1 };
        _context->colorspace = AVColorSpace.AVCOL_SPC_BT709;
        _context->color_primaries = AVColorPrimaries.AVCOL_PRI_BT709;
        _context->color_trc = AVColorTransferCharacteristic.AVCOL_TRC_BT709;
        _context->color_range = AVColorRange.AVCOL_RANGE_MPEG;
        if (_muxer.WantsGlobalHeader)
            _context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;

        AVDictionary* settings = null;
        try
        {
            foreach (var (key, value) in Settings(name, options))
                Av.Check(av_dict_set(&settings, key, value, 0), "encoder settings");
            var code = avcodec_open2(_context, codec, &settings);
            if (code < 0)
                throw new MediaException($"the video encoder {name} refuses {_width}x{_height} at {video.FrameRate} fps{(options.Preset is null ? "" : $" with preset {options.Preset}")}: {Av.Message(code)}");
        }
        finally
        {
            av_dict_free(&settings);
        }
    }

    private static IEnumerable<(string Key, string Value)> Settings(string encoder, SinkOptions options)
    {
        var isX26x = encoder is "libx264" or "libx265";
        var isVpx = encoder.StartsWith("libvpx", StringComparison.Ordinal);
        var preset = options.Preset ?? (isX26x ? "veryfast" : null);
        if (preset is not null)
            yield return ("preset", preset);
        var quality = options.Quality ?? (isX26x ? DefaultX264Quality : isVpx ? DefaultVpxQuality : null);
        if (quality is not null)
            yield return (encoder.Contains("nvenc", StringComparison.Ordinal) ? "cq" : "crf", quality.Value.ToString(CultureInfo.InvariantCulture));
        if (isVpx)
        {
            yield return ("deadline", "realtime");
            yield return ("cpu-used", "6");
        }
        if (encoder == "libx265")
            yield return ("x265-params", "log-level=none");
    }

    // Old codecs count frames, not time: they take the nominal rate.
    private static AVRational TimeBaseFor(AVCodec* codec, VideoStreamInfo video) =>
        codec->supported_framerates != null || codec->id is AVCodecID.AV_CODEC_ID_MPEG4 ? Av.ToNative(video.FrameRate.Inverse) : Av.ToNative(video.TimeBase);
}
