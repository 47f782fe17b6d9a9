using System.Diagnostics;

namespace StreamDiff.Bench.Load;

/// <summary>Takes processors for a part of the time, until disposed: what else runs on a machine.</summary>
public sealed class BackgroundWork : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    private readonly ManualResetEventSlim _ended = new();
    private readonly List<Thread> _threads = [];

    /// <summary>What a load means besides frames: half of every processor, or nothing.</summary>
    internal static BackgroundWork? Of(LoadKind load) => load == LoadKind.Cpu ? new(Environment.ProcessorCount, 0.5) : null;

    /// <param name="threads">Threads, one for each processor that is to be taken.</param>
    /// <param name="share">Part of each tenth of a second that they compute, 0 to 1.</param>
    public BackgroundWork(int threads, double share)
    {
        for (var i = 0; i < threads; i++)
        {
            var thread = new Thread(() => Work(share)) { IsBackground = true, Name = "streamdiff background load" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    public void Dispose()
    {
        _ended.Set();
        foreach (var thread in _threads)
            thread.Join();
        _ended.Dispose();
    }

    private void Work(double share)
    {
        var value = 1.0;
        do
        {
            var start = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(start) < Period * share)
                value = Math.Sqrt(value + 1);
        }
        while (!_ended.Wait(Period * (1 - share)));
        GC.KeepAlive(value);
    }
}
