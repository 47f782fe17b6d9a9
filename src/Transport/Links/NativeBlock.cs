using System.Buffers;
using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links;

/// <summary>Native memory of a few sizes that is lent and given back. A little of what is given back is kept, the rest is freed.</summary>
internal sealed unsafe class NativeBlock : MemoryManager<byte>
{
    // What vector instructions of the widest kind like.
    private const nuint Alignment = 64;
    private const int SmallestBits = 8;
    private const int Quarters = 5;
    private const long MostKept = 192L << 20;

    private static readonly ConcurrentStack<NativeBlock>[] Kept = [
        .. Enumerable.Range(0, Quarters * 32).Select(_ => new ConcurrentStack<NativeBlock>())];
    private static long _kept;

    private readonly int _class;
    private readonly int _length;
    private void* _address;

    private NativeBlock(int sizeClass, int length)
    {
        (_class, _length) = (sizeClass, length);
        _address = NativeMemory.AlignedAlloc((nuint)length, Alignment);
        GC.AddMemoryPressure(length);
    }

    /// <summary>Bytes that are kept for later.</summary>
    public static long KeptBytes => Interlocked.Read(ref _kept);

    public nint Address => (nint)_address;

    /// <summary>A block of at least so many bytes; what is in it is left over from before.</summary>
    public static NativeBlock Rent(int bytes)
    {
        var (sizeClass, length) = ClassOf(bytes);
        if (!Kept[sizeClass].TryPop(out var block))
            return new NativeBlock(sizeClass, length);
        Interlocked.Add(ref _kept, -block._length);
        return block;
    }

    /// <summary>Gives the block back. Called once.</summary>
    public void Return()
    {
        if (Interlocked.Add(ref _kept, _length) <= MostKept)
        {
            Kept[_class].Push(this);
            return;
        }
        Interlocked.Add(ref _kept, -_length);
        Free();
    }

    public override Span<byte> GetSpan() => new(_address, _length);

    public override MemoryHandle Pin(int elementIndex = 0) => new((byte*)_address + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing) => Free();

    // Four sizes between a power of two and the next: a quarter too large at most.
    private static (int Class, int Length) ClassOf(int bytes)
    {
        var bits = Math.Max(SmallestBits, BitOperations.Log2((uint)Math.Max(bytes - 1, 1)));
        var step = 1L << (bits - 2);
        var quarters = Math.Max(0, (bytes - (1L << bits) + step - 1) / step);
        return (Quarters * bits + (int)quarters, (int)Math.Min((1L << bits) + quarters * step, int.MaxValue));
    }

    private void Free()
    {
        if (_address == null)
            return;
        NativeMemory.AlignedFree(_address);
        _address = null;
        GC.RemoveMemoryPressure(_length);
    }
}
