using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Media;

/// <summary>Native picture buffers that are used again. Buffers of one size are kept; frames may be given back from any thread, also after the pool's end.</summary>
/// <param name="keep">Free buffers kept at most. Default 16.</param>
public sealed unsafe class FramePool(int keep = 16) : IDisposable
{
    private const nuint Alignment = 64;
    private readonly ConcurrentBag<nint> _free = [];
    private readonly Lock _gate = new();
    private int _size;
    private int _outstanding;
    private bool _disposed;

    /// <summary>Buffers handed out and not given back.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    internal nint Rent(int size)
    {
        Interlocked.Increment(ref _outstanding);
        if (size != Volatile.Read(ref _size))
        {
            lock (_gate)
            {
                FreeAll();
                _size = size;
            }
        }
        return _free.TryTake(out var buffer) ? buffer : (nint)NativeMemory.AlignedAlloc((nuint)size, Alignment);
    }

    internal void Return(nint buffer, int size)
    {
        Interlocked.Decrement(ref _outstanding);
        lock (_gate)
        {
            if (!_disposed && size == _size && _free.Count < keep)
                _free.Add(buffer);
            else
                NativeMemory.AlignedFree((void*)buffer);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            FreeAll();
        }
    }

    private void FreeAll()
    {
        while (_free.TryTake(out var buffer))
            NativeMemory.AlignedFree((void*)buffer);
    }
}
