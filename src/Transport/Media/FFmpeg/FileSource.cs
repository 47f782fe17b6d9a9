using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Reads a video file: pictures decoded, upright and at the wanted size, sound as it is coded.</summary>
internal sealed unsafe class FileSource : IFrameSource
{
    // A file that gives nothing but errors for this long holds nothing more.
    private const int MostErrorsInARow = 1000;

    private readonly SourceOptions _options;
    private readonly FramePool _pool;
    private readonly InputFile _file;
    private readonly VideoDecoder _decoder;
    private readonly PictureReader _pictures;
    private readonly int _quarterTurns;
    private AVPacket* _packet;
    private AVFrame* _decoded;
    private FilterGraph? _filter;
    private (int Width, int Height, int Format, AVRational Aspect) _filterInput;
    private State _state = State.Reading;
    private int _errors;
    private long _damaged;
    private long _nextPts = long.MinValue;

    public FileSource(SourceOptions options, FramePool pool)
    {
        _options = options;
        _pool = pool;
        _file = new InputFile(options.Input);
        try
        {
            _decoder = new VideoDecoder(options.Input, _file.Video);
            _packet = Av.Allocated(av_packet_alloc());
            _decoded = Av.Allocated(av_frame_alloc());
            _quarterTurns = Rotation.QuarterTurns(_file.Video);
            Video = Describe();
            _pictures = new PictureReader(pool, Video.Width, Video.Height);
            if (options.Audio && _file.Audio != null)
                Audio = new AudioStreamInfo(_file.Audio->codecpar, _file.Audio->time_base);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    private enum State
    {
        Reading,
        Draining,
        Flushing,
        Ended,
    }

    public VideoStreamInfo Video { get; }

    public AudioStreamInfo? Audio { get; }

    public SourceStatistics Statistics => new(_pictures.Count, _damaged);

    public MediaUnit? Read(CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (_filter is not null && _pictures.TryRead(_filter) is { } picture)
                return new MediaUnit(picture, null);
            switch (_state)
            {
                case State.Ended:
                    return null;
                case State.Flushing:
                    _state = State.Ended;
                    break;
                default:
                    if (!Decode() && _state == State.Reading && ReadPacket(cancellation) is { } sound)
                        return new MediaUnit(null, sound);
                    break;
            }
        }
    }

    public void Dispose()
    {
        _pictures?.Dispose();
        _filter?.Dispose();
        _decoder?.Dispose();
        Audio?.Dispose();
        var packet = _packet;
        _packet = null;
        av_packet_free(&packet);
        var decoded = _decoded;
        _decoded = null;
        av_frame_free(&decoded);
        _file.Dispose();
    }

    private VideoStreamInfo Describe()
    {
        var stream = _file.Video;
        var coded = (stream->codecpar->width, stream->codecpar->height);
        var size = _options.Size ?? PictureFilters.SquareSize(coded, Av.ToRational(stream->codecpar->sample_aspect_ratio), _quarterTurns);
        var rate = Av.ToRational(av_guess_frame_rate(_file.Format, stream, null));
        if (rate.Numerator <= 0 || rate.Denominator <= 0)
            rate = new Rational(25, 1);
        var duration = _file.Format->duration > 0 ? TimeSpan.FromSeconds((double)_file.Format->duration / AV_TIME_BASE) : (TimeSpan?)null;
        var own = stream->nb_frames > 0 ? stream->nb_frames : duration is { } d ? (long?)Math.Round(d.TotalSeconds * rate.Value) : null;
        return new VideoStreamInfo(size.Width, size.Height, _options.FrameRate ?? rate, _options.FrameRate?.Inverse ?? Av.ToRational(stream->time_base))
        {
            Duration = duration,
            FrameCount = _options.FrameRate is { } fps && duration is { } length ? (long)Math.Round(length.TotalSeconds * fps.Value) : own,
            CodedSize = coded,
            Codec = avcodec_get_name(stream->codecpar->codec_id),
        };
    }

    // True when a frame went into the filter or the state moved on; false when the decoder wants a packet.
    private bool Decode()
    {
        var code = _decoder.Receive(_decoded);
        if (code >= 0)
        {
            Filter();
            return true;
        }
        if (code == AVERROR(EAGAIN))
            return _state != State.Reading && Flush();
        if (code == AVERROR_EOF)
            return Flush();
        CountDamage(code);
        return true;
    }

    private bool Flush()
    {
        _filter?.Push(null);
        _state = State.Flushing;
        return true;
    }

    private AudioPacket? ReadPacket(CancellationToken cancellation)
    {
        var code = _file.Read(_packet, cancellation);
        if (code == AVERROR(EAGAIN))
            return null;
        if (code < 0)
        {
            cancellation.ThrowIfCancellationRequested();
            if (code != AVERROR_EOF)
                CountDamage(code);
            if (code == AVERROR_EOF || code == AVERROR(EIO) || _errors >= MostErrorsInARow)
            {
                _state = State.Draining;
                _decoder.Send(null);
            }
            return null;
        }

        try
        {
            if (_packet->stream_index == _file.Video->index)
            {
                code = _decoder.Send(_packet);
                if (code < 0)
                    CountDamage(code);
                return null;
            }
            if (Audio is null || _packet->stream_index != _file.Audio->index)
                return null;
            Shift(_packet, _file.StartIn(_file.Audio->time_base));
            return new AudioPacket(_packet);
        }
        finally
        {
            av_packet_unref(_packet);
        }
    }

    private void Filter()
    {
        _errors = 0;
        if (_decoded->decode_error_flags != 0 || (_decoded->flags & AV_FRAME_FLAG_CORRUPT) != 0)
            _damaged++;
        Retime();
        var input = (_decoded->width, _decoded->height, _decoded->format, _decoded->sample_aspect_ratio);
        if (_filter is null || !_filterInput.Equals(input))
        {
            // The stream changed its size or format: what the old filter still holds comes out first, a size later than it should only by this frame.
            _filter?.Dispose();
            _filter = BuildFilter();
            _filterInput = input;
        }
        Av.Check(_filter.Push(_decoded), $"cannot convert a picture of {_options.Input}");
        av_frame_unref(_decoded);
    }

    // Timestamps that are missing or do not grow are put one frame after the last one.
    private void Retime()
    {
        var stream = _file.Video;
        var step = _decoded->pkt_duration > 0
            ? _decoded->pkt_duration
            : Math.Max(1, av_rescale_q(1, av_inv_q(av_guess_frame_rate(_file.Format, stream, _decoded)), stream->time_base));
        var pts = _decoded->best_effort_timestamp == AV_NOPTS_VALUE ? long.MinValue : _decoded->best_effort_timestamp - _file.StartIn(stream->time_base);
        if (_nextPts == long.MinValue)
            pts = Math.Max(pts, 0);
        else if (pts < _lastPts + 1)
            pts = Math.Max(_nextPts, _lastPts + 1);
        _decoded->pts = pts;
        _lastPts = pts;
        _nextPts = pts + step;
    }

    private long _lastPts;

    private FilterGraph BuildFilter()
    {
        var stream = _file.Video;
        var aspect = Av.ToRational(av_guess_sample_aspect_ratio(_file.Format, stream, _decoded));
        var coded = (_decoded->width, _decoded->height);
        var assumeHd = _decoded->colorspace == AVColorSpace.AVCOL_SPC_UNSPECIFIED && _decoded->height >= 720;
        var chain = PictureFilters.Chain(coded, aspect, _quarterTurns, (Video.Width, Video.Height), _options.Fit, _options.FrameRate, assumeHd);
        return FilterGraph.ForVideo(coded.Item1, coded.Item2, (AVPixelFormat)_decoded->format, Av.ToRational(stream->time_base),
            aspect.Numerator > 0 ? aspect : new Rational(1, 1), Av.ToRational(av_guess_frame_rate(_file.Format, stream, _decoded)), chain);
    }

    private void CountDamage(int code)
    {
        if (code == AVERROR(ENOMEM))
            throw new InsufficientMemoryException($"no memory left to decode {_options.Input}");
        _damaged++;
        _errors++;
    }

    private static void Shift(AVPacket* packet, long start)
    {
        if (packet->pts != AV_NOPTS_VALUE)
            packet->pts -= start;
        if (packet->dts != AV_NOPTS_VALUE)
            packet->dts -= start;
    }
}
