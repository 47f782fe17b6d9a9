using Microsoft.Extensions.Logging;

namespace StreamDiff.Fleet.Clustering;

/// <summary>What libraries log, a line each and without stack traces.</summary>
internal sealed class LinesLogger(Action<LogLevel, string> log) : ILoggerProvider
{
    public ILogger CreateLogger(string categoryName) => new Lines(log);

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
            // What Orleans would rather have for throughput is no concern of who streams.
            if (text.StartsWith("Note: ", StringComparison.Ordinal))
                return;
            log(logLevel, exception is null ? text : $"{text} ({exception.Message.Split('\n')[0]})");
        }
    }
}
