namespace StreamDiff.Bench.Reports;

/// <summary>A benchmark cannot be run or compared as asked; the message says why, on one line.</summary>
public sealed class BenchmarkException(string message, Exception? inner = null) : Exception(message, inner);
