namespace StreamDiff.Transport.Media;

/// <summary>
/// One picture, packed RGB24: rows top to bottom without padding, <c>Height * Width * 3</c> bytes in pooled 64-byte-aligned native memory,
/// and behind them, where it has transparency, <c>Height * Width</c> bytes of that. One owner at a time; whoever holds it last disposes it.
/// </summary>
public sealed unsafe class VideoFrame : MediaUnit
{
    private readonly FramePool _pool;
    private nint _buffer;

    private VideoFrame(FramePool pool, int width, int height, bool hasAlpha)
    {
        _pool = pool;
        Width = width;
        Height = height;
        HasAlpha = hasAlpha;
        _buffer = pool.Take((nuint)AllBytes);
    }

    /// <summary>Pixels a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Position in the stream, from 0.</summary>
    public long Index { get; set; }

    /// <summary>
    /// Where the source's picture lies; what is outside are the black bars of <see cref="FitMode.Letterbox"/>. Null, the default, where it
    /// fills the frame.
    /// </summary>
    public PixelRect? Content { get; set; }

    /// <summary>True where the picture has transparency.</summary>
    public bool HasAlpha { get; }

    /// <summary>Size of <see cref="Pixels"/> in bytes.</summary>
    public int ByteCount => Width * Height * 3;

    /// <summary>The picture; valid until <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The frame was disposed.</exception>
    public Span<byte> Pixels => new((void*)Pointer, ByteCount);

    /// <summary>
    /// How much of each pixel is there, 0 to 255, row by row; colours are as they are without it. Empty where everything is there.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The frame was disposed.</exception>
    public Span<byte> Alpha => HasAlpha ? new((byte*)Pointer + ByteCount, Width * Height) : [];

    /// <summary>Address of the first pixel; valid until <see cref="Dispose"/>.</summary>
    /// <exception cref="ObjectDisposedException">The frame was disposed.</exception>
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Naming", "CA1720:Identifier contains type name", Justification = "It is the picture's address and nothing else.")]
    public nint Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_buffer == 0, this);
            return _buffer;
        }
    }

    /// <summary>A frame with undefined pixels from the pool.</summary>
    /// <param name="pool">Where the buffer comes from and returns to.</param>
    /// <param name="width">Pixels a row, above 0.</param>
    /// <param name="height">Rows, above 0.</param>
    /// <param name="hasAlpha">True for one with transparency. Default false.</param>
    public static VideoFrame Rent(FramePool pool, int width, int height, bool hasAlpha = false)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        return new VideoFrame(pool, width, height, hasAlpha);
    }

    /// <summary>Makes the bars around <see cref="Content"/> black; does nothing where there are none.</summary>
    public void BlackenBars()
    {
        if (Content is { } content)
        {
            LetterboxBars.Blacken(Pixels, Width, content);
        }
    }

    /// <summary>Fills the bars around <see cref="Content"/> with its outermost pixels; does nothing where there are none.</summary>
    public void ExtendContent()
    {
        if (Content is { } content)
        {
            LetterboxBars.Extend(Pixels, Width, content);
        }
    }

    /// <summary>Returns the buffer to its pool; a second call does nothing.</summary>
    public override void Dispose()
    {
        var buffer = Interlocked.Exchange(ref _buffer, 0);
        if (buffer != 0)
        {
            _pool.Return(buffer, (nuint)AllBytes);
        }
    }

    private int AllBytes => ByteCount + (HasAlpha ? Width * Height : 0);
}
