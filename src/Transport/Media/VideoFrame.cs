namespace StreamDiff.Transport.Media;

/// <summary>One picture: packed RGB24, rows without padding, in native memory of a <see cref="FramePool"/>. Whoever holds it disposes it.</summary>
public sealed unsafe class VideoFrame : IDisposable
{
    private readonly FramePool _pool;
    private nint _buffer;

    private VideoFrame(FramePool pool, int width, int height)
    {
        _pool = pool;
        Width = width;
        Height = height;
        _buffer = pool.Rent(Size);
    }

    /// <summary>In pixels.</summary>
    public int Width { get; }

    /// <summary>In pixels.</summary>
    public int Height { get; }

    /// <summary>Bytes of the picture, Width * Height * 3.</summary>
    public int Size => Width * Height * 3;

    /// <summary>Place in the stream, from 0.</summary>
    public long Index { get; set; }

    /// <summary>When it is shown, in the stream's time base.</summary>
    public long Pts { get; set; }

    /// <summary>How long it is shown, in the stream's time base; 0 when unknown.</summary>
    public long Duration { get; set; }

    /// <summary>Address of the first pixel, aligned to 64 bytes.</summary>
    /// <exception cref="ObjectDisposedException">The frame was given back.</exception>
    public nint Address
    {
        get
        {
            ObjectDisposedException.ThrowIf(_buffer == 0, this);
            return _buffer;
        }
    }

    public Span<byte> Pixels => new((void*)Address, Size);

    /// <summary>A frame with undefined pixels.</summary>
    public static VideoFrame Rent(FramePool pool, int width, int height) => new(pool, width, height);

    public void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, 0);
        if (buffer != 0)
            _pool.Return(buffer, Size);
    }
}
