using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Latency;

/// <summary>A frame that came out.</summary>
/// <param name="Due">When it arrived.</param>
/// <param name="Given">When it was handed over.</param>
public readonly record struct FrameTimes(TimeSpan Due, TimeSpan Given)
{
    public double Milliseconds => (Given - Due).TotalMilliseconds;
}

/// <summary>Frames of one run, and the figures they make. Times since the load began.</summary>
/// <param name="arrivals">When frames arrived, all of them.</param>
/// <param name="given">Those that came out, in order.</param>
/// <param name="warmUp">Earlier arrivals are left out.</param>
/// <param name="end">When the load ended.</param>
/// <param name="deadline">Longer is late.</param>
public sealed class FrameLog(
    IReadOnlyList<TimeSpan> arrivals, IReadOnlyList<FrameTimes> given, TimeSpan warmUp, TimeSpan end, TimeSpan deadline)
{
    /// <summary>The newest frame of a chunk waits for no other, so chunks are compared by it.</summary>
    private const int FramesPerChunk = Chunker.FramesPerLatent;

    /// <summary>Frames after warm-up that came out.</summary>
    public IReadOnlyList<FrameTimes> Given { get; } = [.. given.Where(f => f.Due >= warmUp)];

    /// <summary>
    /// Figures without those of the first frame. What was still on its way when the load ended is neither late nor dropped.
    /// </summary>
    public IReadOnlyList<Figure> Figures()
    {
        // Nothing came out at all: there is no latency to tell of, and everything was missed.
        if (Given.Count == 0)
            return
            [
                Figure.Once("fps", "1/s", Better.Higher, 0),
                Figure.Once("missed", "%", Better.Lower, 100),
                Figure.Once("late", "%", Better.None, 0),
                Figure.Once("dropped", "%", Better.None, 100),
            ];
        var last = Given.Max(f => f.Due);
        var arrived = arrivals.Count(a => a >= warmUp && a <= last);
        var latency = Distribution.Of(Given.Select(f => f.Milliseconds));
        var late = Given.Count(f => f.Given - f.Due > deadline);
        var dropped = Math.Max(0, arrived - Given.Count);
        double Percent(int count) => 100.0 * count / arrived;
        return
        [
            Figure.Once("latency p50", "ms", Better.Lower, latency.P50),
            Figure.Once("latency p95", "ms", Better.Lower, latency.P95),
            Figure.Once("latency p99", "ms", Better.Lower, latency.P99),
            Figure.Once("latency max", "ms", Better.None, latency.Maximum),
            Figure.Once("jitter", "ms", Better.Lower, Jitter(given.Where((_, i) => i % FramesPerChunk == 0).Where(f => f.Due >= warmUp))),
            Figure.Once("fps", "1/s", Better.Higher, given.Count(f => f.Given >= warmUp && f.Given < end) / (end - warmUp).TotalSeconds),
            Figure.Once("missed", "%", Better.Lower, Percent(late + dropped)),
            Figure.Once("late", "%", Better.None, Percent(late)),
            Figure.Once("dropped", "%", Better.None, Percent(dropped)),
        ];
    }

    /// <summary>
    /// Mean difference of the latencies of neighbouring chunks, each by its newest frame: the frames of one chunk differ by design. The
    /// first chunk has five frames, so these are 0, 4, 8 ...
    /// </summary>
    public static double Jitter(IEnumerable<FrameTimes> newest)
    {
        var latencies = newest.Select(f => f.Milliseconds).ToList();
        return latencies.Count < 2 ? 0 : latencies.Zip(latencies.Skip(1), (a, b) => Math.Abs(b - a)).Average();
    }
}
