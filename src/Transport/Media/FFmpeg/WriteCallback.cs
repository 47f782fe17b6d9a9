using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Lets FFmpeg write to a <see cref="IByteSink"/>, which is taken over.</summary>
internal sealed unsafe class WriteCallback : IDisposable
{
    // FFmpeg keeps only the address.
    private readonly avio_alloc_context_write_packet _write;
    private readonly IByteSink _sink;
    private AVIOContext* _context;

    public WriteCallback(IByteSink sink)
    {
        (_sink, _write) = (sink, Write);
        var size = sink.DatagramSize;
        _context = avio_alloc_context((byte*)av_malloc((ulong)size), size, 1, null, default, _write, default);
        _context->max_packet_size = size;
    }

    /// <summary>What a format context writes to.</summary>
    public AVIOContext* Context => _context;

    /// <summary>How the connection is doing.</summary>
    public LinkStatistics? Statistics => _sink.Statistics;

    /// <summary>Frees the context and closes the sink; what was not flushed is lost.</summary>
    public void Dispose()
    {
        if (_context is null)
        {
            return;
        }

        av_free(_context->buffer);
        var context = _context;
        _context = null;
        avio_context_free(&context);
        _sink.Dispose();
    }

    // Nothing may be thrown into FFmpeg.
    private int Write(void* opaque, byte* buffer, int size)
    {
        try
        {
            return _sink.Write(new ReadOnlySpan<byte>(buffer, size)) ? size : AVERROR(EIO);
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or InvalidOperationException)
        {
            return AVERROR(EIO);
        }
    }
}
