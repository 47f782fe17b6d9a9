using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>What waits for one output. When it is slow the oldest goes: the producer never waits.</summary>
internal sealed class OutputQueue(int frames) : IDisposable
{
    private readonly object _gate = new();
    private readonly Queue<(SharedFrame? Frame, long Number, SoundBlock? Sound)> _items = new();
    private int _waiting;
    private bool _ended;
    private long _dropped;

    /// <summary>Frames that were left out.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Adds a frame, which the queue takes over.</summary>
    public void Add(SharedFrame frame, long number)
    {
        lock (_gate)
        {
            if (_ended)
            {
                frame.Dispose();
                return;
            }
            _items.Enqueue((frame, number, null));
            _waiting++;
            while (_waiting > frames)
                DropOldest();
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Adds sound.</summary>
    public void Add(SoundBlock sound)
    {
        lock (_gate)
        {
            if (!_ended)
                _items.Enqueue((null, 0, sound));
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>The next frame, the caller's to dispose, or sound; both null at the end.</summary>
    public (SharedFrame? Frame, long Number, SoundBlock? Sound) Take()
    {
        lock (_gate)
        {
            while (_items.Count == 0 && !_ended)
                Monitor.Wait(_gate);
            if (!_items.TryDequeue(out var item))
                return default;
            _waiting -= item.Frame is null ? 0 : 1;
            return item;
        }
    }

    /// <summary>Throws away what waits: it is too old for an output that has just been opened.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            while (_items.TryDequeue(out var item))
                item.Frame?.Dispose();
            _waiting = 0;
        }
    }

    /// <summary>Nothing follows; what waits can still be taken.</summary>
    public void End()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }
    }

    public void Dispose()
    {
        End();
        Clear();
    }

    private void DropOldest()
    {
        var item = _items.Dequeue();
        if (item.Frame is null)
            return;
        item.Frame.Dispose();
        _waiting--;
        _dropped++;
    }
}
