using StreamDiff.Scheduling.Queues;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Live;

/// <summary>What waits for an encoder: a frame with its number, sound, or a feed that is to get nothing of what follows.</summary>
internal readonly record struct EncoderWork(SharedFrame? Frame, long Number, SoundBlock? Sound, EncoderFeed? Leaving);

/// <summary>What waits for one encoder. When it is slow the oldest frame goes: the producer never waits.</summary>
/// <param name="most">Frames, or pairs of samples, that may wait.</param>
/// <param name="missed">Told of each frame that went.</param>
internal sealed class EncoderQueue(int most, Action missed) : IDisposable
{
    private readonly object _gate = new();
    private readonly NewestQueue<EncoderWork> _items = new(i => i.Sound?.Count ?? (i.Frame is null ? 0 : 1));
    private bool _ended;

    /// <summary>Adds a frame, which the queue takes over.</summary>
    public void Add(SharedFrame frame, long number) => Add(new EncoderWork(frame, number, null, null));

    /// <summary>Adds sound.</summary>
    public void Add(SoundBlock sound) => Add(new EncoderWork(null, 0, sound, null));

    /// <summary>Adds that a feed leaves; false at the end.</summary>
    public bool Add(EncoderFeed leaving) => Add(new EncoderWork(null, 0, null, leaving));

    /// <summary>The next piece, whose frame is the caller's to dispose; false at the end.</summary>
    /// <param name="work">The piece; nothing where none came in time.</param>
    /// <param name="longest">How long to wait for it; null (the default) for ever.</param>
    public bool Take(out EncoderWork work, TimeSpan? longest = null)
    {
        lock (_gate)
        {
            while (_items.Count == 0 && !_ended)
                if (!Monitor.Wait(_gate, longest ?? Timeout.InfiniteTimeSpan))
                    break;
            return _items.TryTake(out work) || !_ended;
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
        while (Take(out var work))
            work.Frame?.Dispose();
    }

    private bool Add(EncoderWork work)
    {
        List<EncoderFeed> left = [];
        var lost = 0;
        lock (_gate)
        {
            if (_ended)
            {
                work.Frame?.Dispose();
                return false;
            }
            _items.Add(work, most, old =>
            {
                old.Frame?.Dispose();
                lost += old.Frame is null ? 0 : 1;
                if (old.Leaving is { } leaving)
                    left.Add(leaving);
            });
            // Whoever leaves is let go, also where all before it was thrown away.
            foreach (var leaving in left)
                _items.Add(new EncoderWork(null, 0, null, leaving), most);
            Monitor.Pulse(_gate);
        }
        for (; lost > 0; lost--)
            missed();
        return true;
    }
}
