using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Reads a file, also one from the network, through libavformat and libavcodec. Times count from the start of the file, for pictures and
/// sound alike.
/// </summary>
internal sealed unsafe partial class FileSource : IFrameSource
{
    private readonly InputFile _file;
    private readonly FrameDecoder _decoder = null!;
    private readonly FramePath _path = null!;
    private readonly TimestampRepair _times = null!;
    private readonly SourceTrouble _trouble;
    private readonly SoundTimeline? _sound;
    private readonly FramePool? _ownPool;
    private readonly string? _localFile;
    private readonly long _videoStart;
    private readonly long _audioStart;
    private AVPacket* _packet = av_packet_alloc();
    private AVFrame* _frame = av_frame_alloc();
    private TimeSpan _reached;
    private long? _accepted;
    private TimeSpan? _length;
    private bool _packetsEnded;
    private bool _ended;

    /// <exception cref="MediaException">The input is missing, empty, damaged or no video.</exception>
    public FileSource(VideoSourceOptions options, CancellationToken ct = default)
    {
        _localFile = InputProblem.IsLocalFile(options.Input) ? options.Input : null;
        _file = InputFile.Open(options, live: null, ct);
        try
        {
            _trouble = new SourceTrouble(InputProblem.Shown(options.Input));
            _ownPool = options.Pool is null ? new FramePool() : null;
            _decoder = new FrameDecoder(_file.Video, options.DecoderThreads, InputProblem.Shown(options.Input));
            _videoStart = _file.StartOf(_file.Video);
            var orientation = FrameOrientation.Of(_file.Video);
            var timeBase = _file.Video->time_base.ToRational();
            var frameTicks = Math.Max(1, _file.FrameRate(_file.Video).Inverse.Rescale(1, timeBase));
            _times = new TimestampRepair(timeBase, frameTicks, _file.TimesMayLeap);
            _window = TimeWindow.Of(options, timeBase);
            Video = Describe(options, orientation);
            _path = new FramePath(new FramePathSetup(
                timeBase, orientation, options.FrameRate, (Video.Width, Video.Height), options.Fit, options.Pool ?? _ownPool!, _window));
            if (_file.Audio is not null)
            {
                _audioStart = _file.StartOf(_file.Audio);
                Audio = new AudioStreamInfo(_file.Audio->codecpar, _file.Audio->time_base.ToRational());
                _sound = new SoundTimeline(Audio.TimeBase, _file.TimesMayLeap);
            }

            SeekStart();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public VideoStreamInfo Video { get; } = null!;

    public AudioStreamInfo? Audio { get; }

    public SourceStatistics Statistics => _trouble.ToStatistics(_decoder.Decoded, _decoder.Corrupt, _times.Repaired);

    public MediaUnit? Read(CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(_frame is null, this);
        while (true)
        {
            ct.ThrowIfCancellationRequested();
            if (_path.TryTake() is { } frame)
            {
                return frame;
            }

            if (TakeSound() is { } sound)
            {
                return sound;
            }

            if (_ended)
            {
                return null;
            }

            if (!_path.IsPast && _decoder.TryReceive(_frame))
            {
                Accept();
            }
            else if (_packetsEnded || IsPast)
            {
                Finish();
            }
            else
            {
                NextPacket(ct);
            }
        }
    }

    public void Dispose()
    {
        NativeObject.Free(ref _packet);
        NativeObject.Free(ref _frame);
        _path?.Dispose();
        _decoder?.Dispose();
        _sound?.Dispose();
        Audio?.Dispose();
        _ownPool?.Dispose();
        _file.Dispose();
    }

    private VideoStreamInfo Describe(VideoSourceOptions options, FrameOrientation orientation)
    {
        var stream = _file.Video;
        var (width, height) = (stream->codecpar->width, stream->codecpar->height);
        if (width <= 0 || height <= 0)
        {
            throw Undecodable("no picture in it can be decoded");
        }

        var aspect = PixelAspect.Of(_file.PixelAspect(_file.Video, null));
        var (shown, shownAspect) = orientation.SwapsSides ? ((height, width), 1 / aspect) : ((width, height), aspect);
        var size = FitGeometry.ResolveSize(shown, shownAspect, options.Width, options.Height);
        var timeBase = stream->time_base.ToRational();
        _length = stream->duration > 0 ? timeBase.ToTime(stream->duration) : _file.Duration;
        var duration = _window.Of(_length);
        var rate = options.FrameRate ?? _file.FrameRate(_file.Video);
        return new VideoStreamInfo(size.Width, size.Height, rate, options.FrameRate?.Inverse
            ?? timeBase, CountEstimate(options, duration, rate), duration)
        {
            SourcePath = _localFile,
            Codec = avcodec_get_name(stream->codecpar->codec_id),
            CodedSize = (width, height),
            Rotation = orientation.ClockwiseDegrees,
        };
    }

    private long? CountEstimate(VideoSourceOptions options, TimeSpan? duration, Rational rate) =>
        options.FrameRate is null && _window.IsWhole && _file.Video->nb_frames > 0 ? _file.Video->nb_frames
        : duration is { } length ? Math.Max(1, (long)Math.Round(length.TotalSeconds * rate.ToDouble())) : null;

    private void Accept()
    {
        var given = _frame->best_effort_timestamp == AV_NOPTS_VALUE ? (long?)null : _frame->best_effort_timestamp - _videoStart;
        if (_isSeeking && !HasFoundStart(given))
        {
            av_frame_unref(_frame);
            return;
        }

        var isGap = given is { } to && _accepted is { } from && _sound?.GoesOn(InSound(from), InSound(to)) == true;
        _accepted = given ?? _accepted;
        _frame->pts = _times.Next(given, _frame->pkt_duration, isGap);
        _frame->pkt_duration = _times.LastDuration;
        _frame->sample_aspect_ratio = _file.PixelAspect(_file.Video, _frame);
        _reached = _file.Video->time_base.ToRational().ToTime(_frame->pts + _frame->pkt_duration);
        _trouble.Look(_frame);
        _path.Push(_frame);
    }

    private void Finish()
    {
        if (_isSeeking)
        {
            // Nothing could be decoded from there on.
            SeekFarther();
            return;
        }

        _path.Finish();
        _ended = true;
        if (_decoder.Decoded == 0)
        {
            throw Undecodable("none of its pictures can be decoded");
        }

        _trouble.LookAtEnd(_reached, IsPast ? null : _length);
        if (!_window.IsWhole && _path.IsEmpty)
        {
            throw _window.Empty(_trouble.Input);
        }
    }

    private MediaException Undecodable(string what)
    {
        var still = _localFile;
        return new MediaException(still is not null && StillHeader.Problem(still) is { } problem
            ? $"Input '{_trouble.Input}' {problem}"
            : $"Input '{_trouble.Input}' is truncated or damaged: {what}.");
    }

    private void NextPacket(CancellationToken ct)
    {
        var result = _file.Read(_packet, ct);
        if (result < 0)
        {
            _trouble.LookAtReadError(result, _file.HasStalled, isLive: false);
            _packetsEnded = true;
            _decoder.Send(null);
            return;
        }

        try
        {
            if (_file.Audio is not null && _packet->stream_index == _file.Audio->index)
            {
                Hear();
            }
            else if (_packet->stream_index == _file.Video->index)
            {
                SendFrame();
            }
        }
        finally
        {
            av_packet_unref(_packet);
        }
    }

    private void Hear()
    {
        var time = _packet->pts == AV_NOPTS_VALUE ? _packet->dts : _packet->pts;
        _packet->pts = time == AV_NOPTS_VALUE ? time : time - _audioStart;
        _packet->dts = _packet->pts;
        _sound!.Add(new AudioPacket(_packet, Audio!.TimeBase));
    }

    // Sound keeps its distance to the pictures: both lose the file's start time and both are moved when a jump is closed.
    private AudioPacket? TakeSound()
    {
        while (_sound?.Take(InSound(_times.Offset), _accepted is { } picture ? InSound(picture) : null, _ended) is { } packet)
        {
            if (IsTaken(packet))
            {
                return packet;
            }

            packet.Dispose();
        }

        return null;
    }

    private long InSound(long ticks) => _file.Video->time_base.ToRational().Rescale(ticks, Audio!.TimeBase);
}
