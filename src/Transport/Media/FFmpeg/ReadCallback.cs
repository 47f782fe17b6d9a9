using FFmpeg.AutoGen;
using static FFmpeg.AutoGen.ffmpeg;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>Bytes that do not come from a protocol of FFmpeg's.</summary>
internal interface IByteSource : IDisposable
{
    /// <summary>Fills a part of the buffer; 0 at the end, -1 when nothing came in time.</summary>
    int Read(Span<byte> buffer, TimeSpan patience);
}

/// <summary>Lets FFmpeg read from a <see cref="IByteSource"/>.</summary>
internal sealed unsafe class ReadCallback : IDisposable
{
    private const int BufferSize = 32 * 1024;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(50);

    // FFmpeg keeps only the address.
    private readonly avio_alloc_context_read_packet _read;
    private readonly IByteSource _bytes;
    private readonly InterruptCallback _interrupt;
    private AVIOContext* _context;

    public ReadCallback(IByteSource bytes, InterruptCallback interrupt)
    {
        (_bytes, _interrupt, _read) = (bytes, interrupt, Read);
        _context = avio_alloc_context((byte*)av_malloc(BufferSize), BufferSize, 0, null, _read, default, default);
    }

    /// <summary>What a format context reads from.</summary>
    public AVIOContext* Context => _context;

    /// <summary>Frees the context; the byte source stays.</summary>
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
    }

    // Nothing may be thrown into FFmpeg.
    private int Read(void* opaque, byte* buffer, int size)
    {
        while (!_interrupt.IsDue)
        {
            try
            {
                var count = _bytes.Read(new Span<byte>(buffer, size), Glance);
                if (count >= 0)
                {
                    return count > 0 ? count : AVERROR_EOF;
                }
            }
            catch (Exception error) when (error is IOException or ObjectDisposedException or OperationCanceledException
                or InvalidOperationException)
            {
                return AVERROR(EIO);
            }
        }

        return AVERROR_EXIT;
    }
}
