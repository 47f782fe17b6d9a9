using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>The newest few pictures that wait for the model; older ones make room for them.</summary>
internal sealed class NewestFrames(int capacity) : IDisposable
{
    private readonly object _gate = new();
    private readonly Queue<VideoFrame> _frames = new();
    private bool _ended;
    private long _dropped;

    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Takes a picture over. True when another one had to go.</summary>
    public bool Add(VideoFrame frame)
    {
        lock (_gate)
        {
            var isFull = _frames.Count == capacity;
            if (isFull)
            {
                _frames.Dequeue().Dispose();
                _dropped++;
            }
            _frames.Enqueue(frame);
            Monitor.Pulse(_gate);
            return isFull;
        }
    }

    /// <summary>The oldest of them, the caller's to dispose; null when none is left after the end. Waits.</summary>
    public VideoFrame? Take()
    {
        lock (_gate)
        {
            while (_frames.Count == 0 && !_ended)
                Monitor.Wait(_gate);
            return _frames.TryDequeue(out var frame) ? frame : null;
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            while (_frames.TryDequeue(out var frame))
                frame.Dispose();
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
}
