using System.Diagnostics;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Output;

/// <summary>Progress for a log: a line about every two seconds, from whichever thread brings the news.</summary>
internal sealed class ProgressLines<T>(Func<T, string> text) : IProgress<T>
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private long _last = Stopwatch.GetTimestamp();

    public void Report(T value)
    {
        lock (_gate)
        {
            if (Stopwatch.GetElapsedTime(_last) < Every)
                return;
            _last = Stopwatch.GetTimestamp();
        }
        Say.Line(text(value));
    }
}

/// <summary>Calls back on the thread that reports; <see cref="Progress{T}"/> would queue the news and bring it out of order.</summary>
internal sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
