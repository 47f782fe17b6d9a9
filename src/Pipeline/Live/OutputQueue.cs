using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>What waits for one output. When it is slow the oldest goes: the producer never waits.</summary>
internal sealed class OutputQueue(int pictures) : IDisposable
{
    private readonly object _gate = new();
    private readonly Queue<(SharedFrame? Picture, long Number, SoundBlock? Sound)> _items = new();
    private int _waiting;
    private bool _ended;
    private long _dropped;

    /// <summary>Pictures that were left out.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Adds a picture, which the queue takes over.</summary>
    public void Add(SharedFrame picture, long number)
    {
        lock (_gate)
        {
            if (_ended)
            {
                picture.Dispose();
                return;
            }
            _items.Enqueue((picture, number, null));
            _waiting++;
            while (_waiting > pictures)
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

    /// <summary>The next picture, the caller's to dispose, or sound; both null at the end.</summary>
    public (SharedFrame? Picture, long Number, SoundBlock? Sound) Take()
    {
        lock (_gate)
        {
            while (_items.Count == 0 && !_ended)
                Monitor.Wait(_gate);
            if (!_items.TryDequeue(out var item))
                return default;
            _waiting -= item.Picture is null ? 0 : 1;
            return item;
        }
    }

    /// <summary>Throws away what waits: it is too old for an output that has just been opened.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            while (_items.TryDequeue(out var item))
                item.Picture?.Dispose();
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
        if (item.Picture is null)
            return;
        item.Picture.Dispose();
        _waiting--;
        _dropped++;
    }
}
