using System.Diagnostics;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Output;

/// <summary>Progress for a log: a line about every two seconds, from whichever thread brings the news.</summary>
/// <param name="text">Makes the line.</param>
/// <param name="figures">Makes the object of a log of objects; null for the line as one.</param>
internal sealed class ProgressLines<T>(Func<T, string> text, Func<T, object>? figures = null) : IProgress<T>
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
        if (JsonLog.IsOn && figures is not null)
            JsonLog.Write(figures(value));
        else
            Say.Line(text(value));
    }
}

/// <summary>Calls back on the thread that reports; <see cref="Progress{T}"/> would queue the news and bring it out of order.</summary>
internal sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
