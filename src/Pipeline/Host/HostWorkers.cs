using StreamDiff.Pipeline.Telemetry;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Host;

/// <summary>
/// Threads that encode and decode for all sessions: of what can be done, what is due first; what is late already takes turns, so that
/// nobody's late frames keep others waiting for ever. A queue is worked on by one of them at a time.
/// </summary>
internal sealed class HostWorkers : IDisposable
{
    private readonly List<StageQueue> _queues = [];
    private readonly List<Thread> _threads = [];
    private readonly LiveClock _clock;
    private bool _isOver;
    private long _turns;

    /// <param name="count">Number of threads.</param>
    /// <param name="clock">The clock of the deadlines.</param>
    public HostWorkers(int count, LiveClock clock)
    {
        _clock = clock;
        for (var i = 0; i < count; i++)
        {
            var thread = new Thread(Run) { Name = $"streamdiff worker {i}", IsBackground = true };
            _threads.Add(thread);
            thread.Start();
        }
    }

    internal object Gate { get; } = new();

    public StageQueue Open(Action<Exception> failed)
    {
        var queue = new StageQueue(this, failed);
        lock (Gate)
            _queues.Add(queue);
        return queue;
    }

    /// <summary>Ends when the queues, which must have been closed, are empty.</summary>
    public void Dispose()
    {
        lock (Gate)
        {
            _isOver = true;
            Monitor.PulseAll(Gate);
        }
        foreach (var thread in _threads)
            thread.Join();
    }

    /// <summary>There is work; under the gate.</summary>
    internal void Wake() => Monitor.PulseAll(Gate);

    /// <summary>The queue has come to its end; under the gate.</summary>
    internal void Remove(StageQueue queue) => _queues.Remove(queue);

    private void Run()
    {
        // Thread-local, as for every thread that touches tensors.
        using var inference = inference_mode();
        while (Take() is var (queue, work) && work is not null)
        {
            work();
            lock (Gate)
            {
                queue!.IsBusy = false;
                Monitor.PulseAll(Gate);
            }
        }
    }

    private (StageQueue? Queue, Action? Work) Take()
    {
        lock (Gate)
        {
            while (true)
            {
                if (First() is { } first)
                {
                    first.LastTurn = ++_turns;
                    return (first, first.Begin());
                }
                if (_isOver && _queues.Count == 0)
                    return (null, null);
                Monitor.Wait(Gate);
            }
        }
    }

    private StageQueue? First()
    {
        var now = _clock.Now;
        StageQueue? first = null;
        var least = (Due: TimeSpan.MaxValue, Turn: long.MaxValue);
        foreach (var queue in _queues)
        {
            if (queue.Next is not { } next)
                continue;
            var due = (next < now ? now : next, queue.LastTurn);
            if (due.CompareTo(least) < 0)
                (first, least) = (queue, due);
        }
        return first;
    }
}
