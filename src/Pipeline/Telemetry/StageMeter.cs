using System.Diagnostics;

namespace StreamDiff.Pipeline.Telemetry;

/// <summary>Adds up how long a stage was busy; written by its thread, read by any.</summary>
internal sealed class StageMeter(string name)
{
    private long _busy;
    private long _count;

    public string Name => name;

    public StageTime Now => new(name, Stopwatch.GetElapsedTime(0, Interlocked.Read(ref _busy)), Interlocked.Read(ref _count));

    public T Measure<T>(Func<T> work)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            return work();
        }
        finally
        {
            Interlocked.Add(ref _busy, Stopwatch.GetTimestamp() - start);
            Interlocked.Increment(ref _count);
        }
    }
}
