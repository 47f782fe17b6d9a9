namespace StreamDiff.Transport.Links;

/// <summary>Types of numbers that travel, named as safetensors names them. The values are the wire's.</summary>
public enum ElementType : byte
{
    F32 = 1,
    BF16 = 2,
    F16 = 3,
    F64 = 4,
    I64 = 5,
    U8 = 6,
}

/// <summary>An array of numbers, wherever it lies.</summary>
/// <param name="type">Type of the numbers.</param>
/// <param name="shape">Row-major.</param>
public abstract class LinkPayload(ElementType type, long[] shape) : IDisposable
{
    public ElementType Type => type;

    public long[] Shape => shape;

    public long Bytes { get; } = ByteCount(type, shape);

    /// <summary>
    /// The numbers in host memory, contiguous, until the payload is disposed. What lies on a device is copied here on the first call.
    /// </summary>
    public abstract ReadOnlyMemory<byte> Host();

    public abstract void Dispose();

    /// <summary>Size of an element in bytes, 0 for a type that is none.</summary>
    public static int SizeOf(ElementType type) => type switch
    {
        ElementType.U8 => 1,
        ElementType.BF16 or ElementType.F16 => 2,
        ElementType.F32 => 4,
        ElementType.F64 or ElementType.I64 => 8,
        _ => 0,
    };

    private static long ByteCount(ElementType type, long[] shape)
    {
        var count = (long)SizeOf(type);
        foreach (var size in shape)
            count = checked(count * size);
        return count;
    }
}

/// <summary>
/// Numbers that came from elsewhere, in native memory of their own: a tensor may be laid over them without a copy. The memory is used again
/// for later payloads of about the same size, for fresh memory costs more than what is done with it. There is no finalizer: who holds it
/// disposes it.
/// </summary>
public sealed class HostPayload : LinkPayload
{
    private readonly NativeBlock _block;
    private readonly int _length;
    private int _disposed;

    public HostPayload(ElementType type, long[] shape)
        : base(type, shape)
    {
        _length = checked((int)Bytes);
        _block = NativeBlock.Rent(_length);
    }

    /// <summary>Address of the first number.</summary>
    public nint Address => _block.Address;

    /// <summary>To be filled by whoever made the payload.</summary>
    public Memory<byte> Memory => _block.Memory[.._length];

    public override ReadOnlyMemory<byte> Host() => Memory;

    public override void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
            _block.Return();
    }
}
