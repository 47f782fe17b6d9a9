using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Where a container goes.</summary>
/// <param name="Shown">Its name for messages.</param>
/// <param name="Url">What FFmpeg opens.</param>
/// <param name="Format">FFmpeg's name of the container.</param>
/// <param name="Options">Options of protocol and muxer.</param>
/// <param name="File">The file that it is, whose streams are interleaved; null for all else.</param>
/// <param name="OpenTimeout">Opening fails when it takes longer; null waits for ever.</param>
/// <param name="WriteTimeout">A packet fails when it takes longer.</param>
/// <param name="Linger">How long the last packets may take to arrive before the connection is closed.</param>
/// <param name="Connect">Opens where bytes go in place of a protocol of FFmpeg's; null for one of those.</param>
/// <param name="KeyFrameSeconds">Longest time from key frame to key frame.</param>
/// <param name="WhenUnreachable">What to say instead of "input/output error" when it cannot be opened.</param>
internal sealed record OutputTarget(
    string Shown, string Url, string Format, IReadOnlyDictionary<string, string> Options,
    WrittenFile? File = null, TimeSpan? OpenTimeout = null, TimeSpan? WriteTimeout = null, TimeSpan? Linger = null,
    string? WhenUnreachable = null, Func<CancellationToken, IByteSink>? Connect = null, double KeyFrameSeconds = 2);

/// <summary>A container being written. All trouble becomes a <see cref="MediaException"/> that names the file.</summary>
internal sealed unsafe partial class OutputFile : IPacketTarget, IDisposable
{
    private readonly InterruptCallback _interrupt = new();
    private readonly OutputTarget _target;
    private readonly CancellationToken _ct;
    private AVFormatContext* _context;
    private WriteCallback? _writer;
    private bool _hasHeader;
    private bool _isFinished;

    public OutputFile(OutputTarget target, CancellationToken ct)
    {
        (_target, _ct) = (target, ct);
        var format = av_guess_format(target.Format, null, null);
        AVFormatContext* context;
        FFmpegError.ThrowIfFailed(avformat_alloc_output_context2(&context, format, null, target.Url), "output");
        _context = context;
        _interrupt.Attach(_context);
        _context->flags |= AVFMT_FLAG_FLUSH_PACKETS;
        _context->max_interleave_delta = LongestInterleaving;
    }

    /// <summary>How the connection is doing; null where that is not known.</summary>
    public LinkStatistics? Link => _writer?.Statistics;

    /// <summary>The container's properties.</summary>
    public AVOutputFormat* Format => _context->oformat;

    /// <summary>True when encoders must put their headers beside the packets, not into them.</summary>
    public bool WantsGlobalHeaders => (Format->flags & AVFMT_GLOBALHEADER) != 0;

    /// <summary>Adds a stream that the encoder describes.</summary>
    public AVStream* AddStream(AVCodecContext* encoder)
    {
        var stream = avformat_new_stream(_context, null);
        FFmpegError.ThrowIfFailed(avcodec_parameters_from_context(stream->codecpar, encoder), "output stream");
        stream->time_base = encoder->time_base;
        stream->avg_frame_rate = encoder->framerate;
        return stream;
    }

    /// <summary>Adds a stream of an encoder that others may write too.</summary>
    public AVStream* AddStream(StreamDescription encoded)
    {
        var stream = avformat_new_stream(_context, null);
        encoded.Describe(stream);
        return stream;
    }

    /// <summary>Adds a stream that is taken over as it is.</summary>
    public AVStream* AddStream(AVCodecParameters* parameters, Rational timeBase)
    {
        var stream = avformat_new_stream(_context, null);
        FFmpegError.ThrowIfFailed(avcodec_parameters_copy(stream->codecpar, parameters), "output stream");
        // The tag is the input container's name for the codec; this one may have another.
        stream->codecpar->codec_tag = 0;
        stream->time_base = timeBase.ToNative();
        return stream;
    }

    /// <summary>Creates the file and writes what comes before the first packet.</summary>
    public void WriteHeader()
    {
        AVDictionary* options = null;
        foreach (var (key, value) in _target.Options)
        {
            _ = av_dict_set(&options, key, value, 0);
        }

        _interrupt.Begin(_target.OpenTimeout, _ct);
        try
        {
            Open(&options);
        }
        finally
        {
            _interrupt.End();
            av_dict_free(&options);
            _ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Writes a packet in its place among the other streams' and leaves it empty.</summary>
    public void Write(AVPacket* packet)
    {
        if (_target.File is not null)
        {
            WriteToFile(packet);
            return;
        }

        // Interleaving would hold pictures back until there is sound of their time.
        _interrupt.Begin(_target.WriteTimeout, _ct);
        var result = av_write_frame(_context, packet);
        var isLate = _interrupt.IsLate;
        _interrupt.End();
        av_packet_unref(packet);
        if (isLate && result < 0)
        {
            throw new MediaException($"Output '{_target.Shown}' takes nothing any more.");
        }

        Check(result < 0 ? result : PendingError);
    }

    /// <summary>Ends a fragment of a container that is told where they end: all that was written is in it.</summary>
    public void EndFragment() => Check(av_write_frame(_context, null));

    /// <summary>
    /// Writes what makes the file complete, and closes it. What was torn by a full disk is cut off, what holds nothing is removed.
    /// </summary>
    public void Finish()
    {
        if (_isFinished || !_hasHeader)
        {
            return;
        }

        _isFinished = true;
        _interrupt.Begin(_target.WriteTimeout, default);
        // After an error a trailer would stand behind a gap.
        var trailer = _isTorn ? 0 : av_write_trailer(_context);
        var pending = _isTorn ? 0 : PendingError;
        Linger();
        var closed = HasBytes ? Close() : 0;
        _interrupt.End();
        var result = _isTorn ? 0 : trailer < 0 ? trailer : pending < 0 ? pending : closed;
        _isTorn |= result < 0;
        Settle();
        Check(result);
    }

    public void Dispose()
    {
        if (_context is null)
        {
            return;
        }

        try
        {
            if (HasBytes && _context->pb is not null)
            {
                _ = Close();
                if (!_isFinished)
                {
                    _isTorn = true;
                    Settle();
                }
            }
        }
        finally
        {
            avformat_free_context(_context);
            _context = null;
        }
    }

    // Devices take pictures, not bytes.
    private bool HasBytes => (Format->flags & AVFMT_NOFILE) == 0;

    private const int FromHere = 1;

    private long Position => avio_seek(_context->pb, 0, FromHere);

    private int PendingError => _context->pb is null ? 0 : _context->pb->error;

    private int Close()
    {
        if (_writer is null)
        {
            return avio_closep(&_context->pb);
        }

        // What it still holds was flushed by the trailer.
        _context->pb = null;
        _writer.Dispose();
        return 0;
    }

    private void Open(AVDictionary** options)
    {
        if (_target.Connect is { } connect)
        {
            _writer = new WriteCallback(connect(_ct));
            _context->pb = _writer.Context;
        }
        else if (HasBytes)
        {
            var interrupt = _interrupt.Native;
            _target.File?.Begin();
            var opened = avio_open2(&_context->pb, _target.Url, AVIO_FLAG_WRITE, &interrupt, options);
            if (opened == AVERROR(EIO) && _target.WhenUnreachable is { } hint)
            {
                throw new MediaException($"Output '{_target.Shown}' cannot be reached: {hint}.");
            }

            if (opened < 0 && _target.File is { IsInPlace: false } file)
            {
                file.Remove();
            }

            Check(opened);
        }

        Check(avformat_write_header(_context, options));
        _hasHeader = true;
        Check(PendingError);
        if (_target.File is not null)
        {
            BeginFile();
        }
    }

    // What SRT has not delivered when its socket closes is lost.
    private void Linger()
    {
        if (_target is { Linger: { } time } && !_ct.IsCancellationRequested)
        {
            _ = _ct.WaitHandle.WaitOne(time);
        }
    }

    private void Check(int result)
    {
        if (result < 0)
        {
            throw Failure(result);
        }
    }

    private MediaException Failure(int code)
    {
        var kept = _target.File is { IsPlain: true, IsInPlace: true } && _wholeEnd > _headerEnd
            ? "; what it holds so far can be played"
            : "";
        return new MediaException($"Output '{_target.Shown}' cannot be written: {FFmpegError.Describe(code)}{kept}.");
    }
}
