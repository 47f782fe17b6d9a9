using Microsoft.Extensions.Logging;

namespace StreamDiff.Fleet.Clustering;

/// <summary>What libraries log, a line each and without stack traces.</summary>
internal sealed class LinesLogger(Action<LogLevel, string> log) : ILoggerProvider
{
    private string _said = "";

    public ILogger CreateLogger(string categoryName) => new Lines(Tell);

    // What is tried again every second is told once.
    private void Tell(LogLevel level, string text)
    {
        if (Interlocked.Exchange(ref _said, text) != text)
            log(level, text);
    }

    public void Dispose()
    {
        // Nothing is held.
    }

    private sealed class Lines(Action<LogLevel, string> log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            var text = formatter(state, exception).Split('\n')[0].TrimEnd();
            // What Orleans would rather have for throughput, and what it thinks of its own threads when it begins, is no user's concern.
            if (text.StartsWith("Note: ", StringComparison.Ordinal) || text.StartsWith("Participant check", StringComparison.Ordinal))
                return;
            log(logLevel, exception is null ? text : $"{text} ({exception.Message.Split('\n')[0]})");
        }
    }
}
