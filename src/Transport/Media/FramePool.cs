using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Media;

/// <summary>Native, 64-byte-aligned picture buffers, reused. Safe from any thread.</summary>
/// <remarks>Frames may outlive the pool: a buffer returned after <see cref="Dispose"/> is freed at once.</remarks>
public sealed unsafe class FramePool : IDisposable
{
    private const int Alignment = 64;

    // swscale reads and writes whole vectors and may touch a few bytes past the last pixel.
    private const int Slack = 64;

    private readonly Lock _gate = new();
    private readonly Stack<nint> _idle = new();
    private readonly int _maximumIdle;
    private nuint _idleSize;
    private int _outstanding;
    private bool _disposed;

    /// <summary>Creates an empty pool.</summary>
    /// <param name="maximumIdle">Buffers kept for reuse (default 32); more are freed as they come back.</param>
    public FramePool(int maximumIdle = 32)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maximumIdle);
        _maximumIdle = maximumIdle;
    }

    /// <summary>Buffers in use by frames that are not disposed yet.</summary>
    public int Outstanding => Volatile.Read(ref _outstanding);

    /// <summary>Frees the idle buffers.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            FreeIdle();
        }
    }

    internal nint Take(nuint size)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _outstanding++;
            // Streams keep one size; a change of size drops the old buffers.
            if (size != _idleSize)
            {
                FreeIdle();
                _idleSize = size;
            }

            if (_idle.TryPop(out var buffer))
            {
                return buffer;
            }
        }

        return (nint)NativeMemory.AlignedAlloc(size + Slack, Alignment);
    }

    internal void Return(nint buffer, nuint size)
    {
        lock (_gate)
        {
            _outstanding--;
            if (!_disposed && size == _idleSize && _idle.Count < _maximumIdle)
            {
                _idle.Push(buffer);
                return;
            }
        }

        NativeMemory.AlignedFree((void*)buffer);
    }

    private void FreeIdle()
    {
        while (_idle.TryPop(out var buffer))
        {
            NativeMemory.AlignedFree((void*)buffer);
        }
    }
}
