using StreamDiff.Scheduling.Queues;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>What waits for one output. When it is slow the oldest goes: the producer never waits.</summary>
/// <param name="most">Frames that may wait; sound counts nothing, and goes with the frames before it.</param>
internal sealed class OutputQueue(int most) : IDisposable
{
    private readonly object _gate = new();
    private readonly NewestQueue<(SharedFrame? Frame, long Number, SoundBlock? Sound)> _items = new(i => i.Frame is null ? 0 : 1);
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
            _items.Add((frame, number, null), most, Drop);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Adds sound.</summary>
    public void Add(SoundBlock sound)
    {
        lock (_gate)
        {
            if (!_ended)
                _items.Add((null, 0, sound), most);
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
            return _items.TryTake(out var item) ? item : default;
        }
    }

    /// <summary>Throws away what waits: it is too old for an output that has just been opened.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            while (_items.TryTake(out var item))
                item.Frame?.Dispose();
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

    private void Drop((SharedFrame? Frame, long Number, SoundBlock? Sound) item)
    {
        if (item.Frame is not { } frame)
            return;
        frame.Dispose();
        _dropped++;
    }
}
