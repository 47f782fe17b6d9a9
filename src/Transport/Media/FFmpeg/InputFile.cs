using System.Runtime.InteropServices;
using FFmpeg.AutoGen;
using StreamDiff.Transport.Media.Live;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>What is known of an input whose time does not wait.</summary>
/// <param name="Settings">How FFmpeg opens it.</param>
/// <param name="Bytes">Where its bytes come from when no protocol of FFmpeg's brings them; taken over.</param>
internal sealed record LiveInput(LiveInputSettings Settings, IByteSource? Bytes = null);

/// <summary>
/// An opened container. Of a file its best picture stream and its best sound stream, all others are skipped by the demuxer; of what does
/// not wait all of them, as they come and go.
/// </summary>
internal sealed unsafe class InputFile : ILivePackets
{
    private readonly InterruptCallback _interrupt = new();
    private readonly NetworkOpening _network = new();
    private readonly TimeSpan? _patience;
    private readonly IByteSource? _bytes;
    private readonly ReadCallback? _reader;
    private AVFormatContext* _context;

    private InputFile(VideoSourceOptions options, LiveInput? live, CancellationToken ct)
    {
        _patience = options.StallTimeout;
        _bytes = live?.Bytes;
        _context = avformat_alloc_context();
        _interrupt.Attach(_context);
        if (live is not null || !InputProblem.IsLocalFile(options.Input))
        {
            _network.Attach(_context);
        }

        if (_bytes is not null)
        {
            _reader = new ReadCallback(_bytes, _interrupt);
            _context->pb = _reader.Context;
        }

        _interrupt.Begin(options.OpenTimeout, ct);
        try
        {
            Open(options.Input, live, ct);
        }
        catch
        {
            Dispose();
            ct.ThrowIfCancellationRequested();
            throw;
        }
        finally
        {
            _interrupt.End();
        }
    }

    /// <summary>The picture stream of a file.</summary>
    public AVStream* Video { get; private set; }

    /// <summary>The sound stream of a file, null when there is none.</summary>
    public AVStream* Audio { get; private set; }

    /// <summary>Length of the whole file, null when unknown.</summary>
    public TimeSpan? Duration => _context->duration > 0 ? TimeSpan.FromMicroseconds(_context->duration) : null;

    /// <summary>True for containers whose times may leap.</summary>
    public bool TimesMayLeap => (_context->iformat->flags & AVFMT_TS_DISCONT) != 0;

    public bool AreTracksReplaced => Marshal.PtrToStringUTF8((nint)_context->iformat->name) == "flv";

    public bool IsUnparsed => (_context->flags & AVFMT_FLAG_NOPARSE) != 0;

    /// <summary>True when a read ended because nothing came for the stall time.</summary>
    public bool HasStalled { get; private set; }

    /// <exception cref="MediaException">The input is missing, empty, damaged or no video.</exception>
    public static InputFile Open(VideoSourceOptions options, LiveInput? live, CancellationToken ct)
    {
        if (live is null && InputProblem.IsLocalFile(options.Input))
        {
            InputProblem.ThrowIfUnreadable(options.Input);
        }

        var file = new InputFile(options, live, ct);
        try
        {
            if (live is null)
            {
                file.ChooseStreams(options);
            }

            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Ticks of the stream's time base at which the file begins.</summary>
    public long StartOf(AVStream* stream)
    {
        var start = _context->start_time;
        return start == AV_NOPTS_VALUE ? 0 : new Rational(1, AV_TIME_BASE).Rescale(start, stream->time_base.ToRational());
    }

    /// <summary>The best stream of a kind that is there now, null where there is none.</summary>
    public AVStream* Best(AVMediaType kind)
    {
        var index = av_find_best_stream(_context, kind, -1, -1, null, 0);
        return index < 0 ? null : _context->streams[index];
    }

    /// <summary>The stream that a packet is of.</summary>
    public AVStream* StreamOf(AVPacket* packet) => _context->streams[packet->stream_index];

    /// <summary>Frames a second, guessed from the header and the first packets; 25 when nothing is known.</summary>
    public Rational FrameRate(AVStream* video)
    {
        var rate = av_guess_frame_rate(_context, video, null).ToRational();
        return rate.IsPositive && rate.ToDouble() <= FrameLimits.MaximumFrameRate ? rate : new Rational(25, 1);
    }

    /// <summary>Shape of a pixel, from container and codec.</summary>
    public AVRational PixelAspect(AVStream* video, AVFrame* frame) => av_guess_sample_aspect_ratio(_context, video, frame);

    /// <summary>
    /// Goes to the last key frame at or before a time, in ticks of the picture stream; false where the input cannot, which then goes on
    /// where it is.
    /// </summary>
    public bool TrySeek(long time)
    {
        var canSeek = (_context->iformat->flags & AVFMT_NOTIMESTAMPS) == 0 && (_context->pb is null || _context->pb->seekable != 0);
        return canSeek && avformat_seek_file(_context, Video->index, long.MinValue, time, time, 0) >= 0;
    }

    /// <summary>Reads a packet; the result is FFmpeg's.</summary>
    public int Read(AVPacket* packet, CancellationToken ct)
    {
        _interrupt.Begin(_patience, ct);
        var result = av_read_frame(_context, packet);
        // What the demuxer still held comes first, the error with the next read.
        HasStalled |= _interrupt.IsLate;
        _interrupt.End();
        ct.ThrowIfCancellationRequested();
        return result;
    }

    public void Dispose()
    {
        var context = _context;
        _context = null;
        avformat_close_input(&context);
        _reader?.Dispose();
        _bytes?.Dispose();
    }

    private void Open(string input, LiveInput? live, CancellationToken ct)
    {
        var settings = live?.Settings;
        AVDictionary* options = null;
        foreach (var (key, value) in settings?.Options ?? new Dictionary<string, string>())
        {
            _ = av_dict_set(&options, key, value, 0);
        }

        var context = _context;
        // "file:" keeps a colon in a file name from being read as a protocol.
        var url = settings?.Url ?? (InputProblem.IsLocalFile(input) ? "file:" + input : input);
        var format = settings?.Format is { } name ? av_find_input_format(name) : null;
        var result = avformat_open_input(&context, url, format, &options);
        av_dict_free(&options);
        _context = context; // freed and null after a failure
        if (result < 0)
        {
            throw Failed();
        }

        result = avformat_find_stream_info(_context, null);
        var isTextArt = InputProblem.IsTextArt(_context->iformat);
        if (result < 0 || isTextArt)
        {
            throw isTextArt ? InputProblem.NotVideo(input) : Failed();
        }

        MediaException Failed() => live is null && InputProblem.IsLocalFile(input)
            ? InputProblem.Refused(input, result)
            : InputProblem.Unavailable(input, result, _interrupt.IsLate, ct);
    }

    private void ChooseStreams(VideoSourceOptions options)
    {
        var video = av_find_best_stream(_context, AVMediaType.AVMEDIA_TYPE_VIDEO, -1, -1, null, 0);
        var audio = av_find_best_stream(_context, AVMediaType.AVMEDIA_TYPE_AUDIO, -1, video, null, 0);
        if (video < 0 || (_context->streams[video]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0)
        {
            throw new MediaException(audio >= 0
                ? $"Input '{InputProblem.Shown(options.Input)}' has sound but no pictures: give a video."
                : $"Input '{InputProblem.Shown(options.Input)}' has no pictures: give a video.");
        }

        Video = _context->streams[video];
        Audio = audio >= 0 && options.ReadAudio ? _context->streams[audio] : null;
        for (var i = 0; i < _context->nb_streams; i++)
        {
            var stream = _context->streams[i];
            stream->discard = stream == Video || stream == Audio ? AVDiscard.AVDISCARD_DEFAULT : AVDiscard.AVDISCARD_ALL;
        }
    }
}
