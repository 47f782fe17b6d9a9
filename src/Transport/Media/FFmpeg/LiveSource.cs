using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Reads an input whose time does not wait. Its tracks come, change and go as they like: it is open when the first picture is there,
/// however long sound comes alone, and what is read is whatever there is at the moment. Times count from the first picture, for pictures
/// and sound alike.
/// </summary>
internal sealed unsafe class LiveSource : IFrameSource
{
    // Sound that came before the first picture and belongs beside it: pictures that a decoder reorders come after their sound.
    private const int MostEarlySound = 256;

    // Of a timeline that pictures have not come to: some two seconds of what is coded as usual, for nobody is to be without sound for long.
    private const int MostHeldSound = 100;

    // That of MPEG-TS; whole ticks of FLV's milliseconds.
    private static readonly Rational SoundBase = new(1, 90_000);

    private readonly VideoSourceOptions _options;
    private readonly ILivePackets _packets;
    private readonly SourceTrouble _trouble = null!;
    private readonly FramePool? _ownPool;
    private readonly TrackChoice _pictures = null!;
    private readonly TrackChoice _sounds = null!;
    private readonly Dictionary<int, AudioStreamInfo> _audio = [];
    private readonly Dictionary<int, SoundParser> _parsers = [];
    private readonly Queue<nint> _parsed = new();
    private readonly SoundTimeline _sound = new(SoundBase, jumpsForward: true, MostHeldSound);
    private FrameDecoder? _decoder;
    private AVStream* _decoded;
    private AVCodecID _codec;
    private FramePath? _path;
    private TimestampRepair? _times;
    private VideoStreamInfo? _video;
    private Rational _base;
    private long _start;
    private long? _accepted;
    private VideoFrame? _first;
    private AVPacket* _packet = av_packet_alloc();
    private AVFrame* _frame = av_frame_alloc();
    private long _damaged;
    private long _pictureCount;
    private bool _packetsEnded;
    private bool _ended;

    /// <summary>Opens it and waits for the first picture.</summary>
    /// <param name="options">The input.</param>
    /// <param name="packets">What comes; taken over, also where it fails.</param>
    /// <param name="mayWait">True where somebody who sends no picture yet is waited for as long as something comes.</param>
    /// <param name="waiting">Told once what is waited for, when it is open and has no picture.</param>
    /// <param name="ct">Breaks it off.</param>
    /// <exception cref="MediaException">It cannot be opened now, or has ended without a picture.</exception>
    public LiveSource(VideoSourceOptions options, ILivePackets packets, bool mayWait, Action<string>? waiting, CancellationToken ct)
    {
        (_options, _packets) = (options, packets);
        try
        {
            _trouble = new SourceTrouble(InputProblem.Shown(options.Input));
            _ownPool = options.Pool is null ? new FramePool() : null;
            (_pictures, _sounds) = (new TrackChoice(_packets.AreTracksReplaced), new TrackChoice(_packets.AreTracksReplaced));
            _pictures.Begin(_packets.Best(AVMediaType.AVMEDIA_TYPE_VIDEO));
            if (options.ReadAudio)
            {
                _sounds.Begin(_packets.Best(AVMediaType.AVMEDIA_TYPE_AUDIO));
            }

            WaitForPicture(mayWait, waiting, ct);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public VideoStreamInfo Video => _video!;

    public AudioStreamInfo? Audio
    {
        get
        {
            var announced = _options.ReadAudio ? _packets.Best(AVMediaType.AVMEDIA_TYPE_AUDIO) : null;
            var stream = _sounds.Stream is not null ? _sounds.Stream : announced;
            return stream is not null && IsKnown(stream) ? InfoOf(stream) : null;
        }
    }

    public SourceStatistics Statistics =>
        _trouble.ToStatistics(_pictureCount + (_decoder?.Decoded ?? 0), _damaged + (_decoder?.Corrupt ?? 0), _times?.Repaired ?? 0);

    public MediaUnit? Read(CancellationToken ct)
    {
        ObjectDisposedException.ThrowIf(_frame is null, this);
        if (_first is { } first)
        {
            _first = null;
            return first;
        }

        while (true)
        {
            ct.ThrowIfCancellationRequested();
            if (TryTakeSound() is { } sound)
            {
                return sound;
            }

            if (TryTake() is { } frame)
            {
                return frame;
            }

            if (_ended)
            {
                return null;
            }

            Advance(ct);
        }
    }

    public void Dispose()
    {
        NativeObject.Free(ref _packet);
        NativeObject.Free(ref _frame);
        _first?.Dispose();
        _sound.Dispose();
        NativePackets.Free(_parsed);
        foreach (var parser in _parsers.Values)
        {
            parser.Dispose();
        }

        _pictures?.Dispose();
        _sounds?.Dispose();
        _path?.Dispose();
        _decoder?.Dispose();
        foreach (var audio in _audio.Values)
        {
            audio.Dispose();
        }

        _ownPool?.Dispose();
        _packets.Dispose();
    }

    private void WaitForPicture(bool mayWait, Action<string>? waiting, CancellationToken ct)
    {
        var patience = new Patience(mayWait ? null : _options.OpenTimeout, waiting);
        while ((_first = TryTake()) is null)
        {
            ct.ThrowIfCancellationRequested();
            if (_ended)
            {
                throw _pictures.Stream is null ? InputProblem.NoVideoYet(_options.Input, _sounds.Stream is not null)
                    : Undecodable("none of its pictures can be decoded");
            }

            Advance(ct);
            _sound.Keep(MostEarlySound);
            patience.Look(_pictures.Stream is null
                ? InputProblem.NoVideoYet(_options.Input, _sounds.Stream is not null)
                : InputProblem.NoFrameYet(_options.Input), hasPictures: _pictures.Stream is not null);
        }
    }

    // Sound keeps its distance to the pictures: both count from the first picture and both are moved when a jump is closed.
    private AudioPacket? TryTakeSound()
    {
        while (_sound.Take(_base.Rescale(_times!.Offset - _start, SoundBase), _accepted, _ended) is { } sound)
        {
            if (sound.Pts == AV_NOPTS_VALUE || !sound.IsTrimmed)
            {
                return sound;
            }

            sound.Dispose();
        }

        return null;
    }

    private VideoFrame? TryTake()
    {
        while (true)
        {
            if (_path?.TryTake() is { } frame)
            {
                return frame;
            }

            if (_decoder is null || !_decoder.TryReceive(_frame))
            {
                return null;
            }

            Accept();
        }
    }

    private void Accept()
    {
        var timeBase = _decoded->time_base.ToRational();
        long? given = _frame->best_effort_timestamp == AV_NOPTS_VALUE ? null : _frame->best_effort_timestamp;
        _frame->sample_aspect_ratio = _packets.PixelAspect(_decoded, _frame);
        if (_video is null)
        {
            (_base, _start) = (timeBase, given ?? 0);
            Begin();
        }

        var time = given is { } stamp ? timeBase.Rescale(stamp, _base) - _start : (long?)null;
        var inSound = given is { } own ? timeBase.Rescale(own, SoundBase) : (long?)null;
        var isGap = inSound is { } to && _accepted is { } from && _sound.GoesOn(from, to);
        _accepted = inSound ?? _accepted;
        _frame->pts = _times!.Next(time, timeBase.Rescale(_frame->pkt_duration, _base), isGap);
        _frame->pkt_duration = _times.LastDuration;
        _trouble.Look(_frame);
        _path!.Push(_frame);
    }

    // With the first picture it is known what the input holds.
    private void Begin()
    {
        var orientation = FrameOrientation.Of(_decoded);
        var (width, height) = (_frame->width, _frame->height);
        var aspect = PixelAspect.Of(_frame->sample_aspect_ratio);
        var (shown, shownAspect) = orientation.SwapsSides ? ((height, width), 1 / aspect) : ((width, height), aspect);
        var size = FitGeometry.ResolveSize(shown, shownAspect, _options.Width, _options.Height);
        var rate = _packets.FrameRate(_decoded);
        _video = new VideoStreamInfo(size.Width, size.Height, _options.FrameRate ?? rate, _options.FrameRate?.Inverse ?? _base)
        {
            Codec = avcodec_get_name(_codec),
            CodedSize = (width, height),
            Rotation = orientation.ClockwiseDegrees,
        };
        _times = new TimestampRepair(_base, Math.Max(1, rate.Inverse.Rescale(1, _base)), jumpsForward: true);
        _path = new FramePath(new FramePathSetup(
            _base, orientation, _options.FrameRate, (size.Width, size.Height), _options.Fit, _options.Pool ?? _ownPool!,
            TimeWindow.Of(_options, _base)));
    }

    // Reads a packet, or ends. Sound is queued, with the input's own time.
    private void Advance(CancellationToken ct)
    {
        if (_packetsEnded)
        {
            _path?.Finish();
            _ended = true;
            return;
        }

        var result = _pictures.TryTakeAgain(_packet) || _sounds.TryTakeAgain(_packet) ? 0 : _packets.Read(_packet, ct);
        if (result < 0)
        {
            _trouble.LookAtReadError(result, _packets.HasStalled, isLive: true);
            _packetsEnded = true;
            _decoder?.Send(null);
            return;
        }

        try
        {
            var stream = _packets.StreamOf(_packet);
            switch (stream->codecpar->codec_type)
            {
                case AVMediaType.AVMEDIA_TYPE_VIDEO when IsKnown(stream) && Takes(_pictures, stream):
                    Decode(stream);
                    break;
                case AVMediaType.AVMEDIA_TYPE_AUDIO when _options.ReadAudio && IsKnown(stream) && Takes(_sounds, stream):
                    Hear(stream);
                    break;
            }
        }
        finally
        {
            av_packet_unref(_packet);
        }
    }

    // Which of several comes first says nothing.
    private bool Takes(TrackChoice choice, AVStream* stream)
    {
        if (choice.Stream is null)
        {
            choice.Begin(_packets.Best(stream->codecpar->codec_type));
        }

        return choice.Takes(stream, _packet);
    }

    private static bool IsKnown(AVStream* stream) =>
        (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0 && stream->codecpar->codec_id != AVCodecID.AV_CODEC_ID_NONE;

    private void Decode(AVStream* stream)
    {
        if (_decoder is null || _decoded != stream || _codec != stream->codecpar->codec_id)
        {
            _pictureCount += _decoder?.Decoded ?? 0;
            _damaged += _decoder?.Corrupt ?? 0;
            _decoder?.Dispose();
            _decoder = null;
            _decoder = new FrameDecoder(stream, _options.DecoderThreads, _trouble.Input, lowDelay: true);
            _decoded = stream;
            _codec = stream->codecpar->codec_id;
        }

        _decoder.Send(_packet);
    }

    private void Hear(AVStream* stream)
    {
        if (!_packets.IsUnparsed)
        {
            Queue(_packet, stream);
            return;
        }

        ParserOf(stream).Parse(_packet, _parsed);
        while (_parsed.TryDequeue(out var next))
        {
            Queue((AVPacket*)next, stream);
            NativePackets.Free(next);
        }
    }

    private void Queue(AVPacket* packet, AVStream* stream)
    {
        packet->pts = packet->pts == AV_NOPTS_VALUE ? packet->dts : packet->pts;
        packet->dts = packet->pts;
        _sound.Add(new AudioPacket(packet, stream->time_base.ToRational()) { Track = InfoOf(stream) });
    }

    private SoundParser ParserOf(AVStream* stream)
    {
        var index = stream->index;
        // A broadcaster may change the codec and keep the stream.
        if (_parsers.TryGetValue(index, out var parser) && parser.Codec == stream->codecpar->codec_id)
        {
            return parser;
        }

        parser?.Dispose();
        return _parsers[index] = new SoundParser(stream->codecpar);
    }

    private AudioStreamInfo InfoOf(AVStream* stream)
    {
        var index = stream->index;
        var parameters = stream->codecpar;
        if (_audio.TryGetValue(index, out var info) && info.Is(parameters))
        {
            return info;
        }

        // What was given before is still read by others: it is freed with the source.
        if (info is not null)
        {
            _audio[-_audio.Count - 1] = info;
        }

        return _audio[index] = new AudioStreamInfo(parameters, stream->time_base.ToRational());
    }

    private MediaException Undecodable(string what) =>
        new($"Input '{_trouble.Input}' is truncated or damaged: {what}.") { Absence = SourceAbsence.Away };

    // How long an input without a picture is waited for, and who is told of it.
    private sealed class Patience(TimeSpan? limit, Action<string>? waiting)
    {
        private static readonly TimeSpan Soon = TimeSpan.FromMilliseconds(200);
        private readonly System.Diagnostics.Stopwatch _clock = System.Diagnostics.Stopwatch.StartNew();
        private bool _hasSaid;

        public void Look(MediaException problem, bool hasPictures)
        {
            if (!_hasSaid && _clock.Elapsed > Soon)
            {
                _hasSaid = true;
                waiting?.Invoke(problem.Message);
            }

            // What sends pictures has a next key frame.
            if (!hasPictures && limit is { } most && _clock.Elapsed > most)
            {
                throw problem;
            }
        }
    }
}
