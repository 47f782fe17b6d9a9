using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>A container being written. All trouble becomes a <see cref="MediaException"/> that names the file.</summary>
internal sealed unsafe class OutputFile : IDisposable
{
    private readonly string _path;
    private AVFormatContext* _context;
    private bool _hasHeader;
    private bool _isFinished;

    public OutputFile(string path, AVOutputFormat* format)
    {
        _path = path;
        AVFormatContext* context;
        FFmpegError.ThrowIfFailed(avformat_alloc_output_context2(&context, format, null, "file:" + path), "output");
        _context = context;
    }

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
        Check(avio_open(&_context->pb, "file:" + _path, AVIO_FLAG_WRITE));
        var result = avformat_write_header(_context, null);
        if (result < 0)
        {
            RemoveFile();
            throw Failure(result);
        }

        _hasHeader = true;
        Check(_context->pb->error);
    }

    /// <summary>Writes a packet in its place among the other streams' and leaves it empty.</summary>
    public void Write(AVPacket* packet)
    {
        var result = av_interleaved_write_frame(_context, packet);
        Check(result < 0 ? result : _context->pb->error);
    }

    /// <summary>Writes what makes the file complete, and closes it.</summary>
    public void Finish()
    {
        if (_isFinished || !_hasHeader)
        {
            return;
        }

        _isFinished = true;
        var trailer = av_write_trailer(_context);
        var pending = _context->pb->error;
        var closed = avio_closep(&_context->pb);
        Check(trailer < 0 ? trailer : pending < 0 ? pending : closed);
    }

    public void Dispose()
    {
        if (_context is null)
        {
            return;
        }

        _ = avio_closep(&_context->pb);
        avformat_free_context(_context);
        _context = null;
    }

    private void Check(int result)
    {
        if (result < 0)
        {
            throw Failure(result);
        }
    }

    private MediaException Failure(int code) => new($"Output '{_path}' cannot be written: {FFmpegError.Describe(code)}.");

    private void RemoveFile()
    {
        _ = avio_closep(&_context->pb);
        File.Delete(_path);
    }
}
