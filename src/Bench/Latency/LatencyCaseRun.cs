using System.Collections.Concurrent;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Latency;

/// <summary>One case, once: a new stream of a loaded model.</summary>
internal static class LatencyCaseRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    public static (IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, IReadOnlyList<Point>> Series) Execute(
        LoadedModel model, LatencyCase wanted, LatencyBenchmarkOptions options, CancellationToken cancellation)
    {
        var arrivals = ArrivalPattern.Times(wanted.Load, wanted.Rate, options.Duration, options.Seed);
        using var pictures = new TestFrames(wanted.Size);
        using var background = BackgroundWork.Of(wanted.Load);
        var clock = new LiveClock(TimeProvider.System);
        var (given, chunks) = (new List<FrameTimes>(arrivals.Count), new ConcurrentQueue<ChunkTrace>());
        var (origin, before) = (TimeSpan.Zero, ProcessState.Now());
        IReadOnlyList<TimeSpan> late;
        ProcessState during;
        var sampling = options.Run.Sampling with { Steps = wanted.Steps };
        using (var host = MeasuredSession.Host(model, sampling, clock))
        using (var session = host.Start(MeasuredSession.Request(sampling, wanted.Size) with { Traced = chunks.Enqueue }, finished =>
        {
            finished.Frame.Dispose();
            lock (given)
                given.Add(new FrameTimes(finished.Taken - origin, finished.Now - origin));
        }))
        {
            origin = clock.Now;
            void Offer(int i) => session.Offer(pictures.Give(i), origin + arrivals[i]);
            late = OpenLoop.RunAsync(arrivals, TimeProvider.System, Offer, cancellation).GetAwaiter().GetResult();
            WaitForRest(session, given, clock, cancellation);
            during = ProcessState.Now();
        }
        var log = new FrameLog(arrivals, given, options.WarmUp, options.Duration, options.Deadline);
        if (chunks.IsEmpty)
            throw new BenchmarkException(
                $"no frame came out of '{wanted.Name}': let frames arrive for longer, or use fewer steps or a smaller size");
        var delay = sampling.Mode == DenoisingMode.StreamBatch ? wanted.Steps - 1 : 0;
        var parts = StageShares.Chunks([.. chunks], delay, origin + options.WarmUp);
        var first = StageShares.FirstFrame(chunks.First(), "first frame, warm");
        return ([.. first, .. log.Figures(), .. parts, .. Process(before, during, given.Count), .. Loop(late)], Series(log));
    }

    // Chunks that were still filling, and rows of the batch that only later chunks push out, stay inside.
    private static void WaitForRest(Session session, List<FrameTimes> given, LiveClock clock, CancellationToken cancellation)
    {
        var (end, count, since) = (clock.Now + Patience, -1, clock.Now);
        while (clock.Now < end && clock.Now - since < Quiet)
        {
            if (session.Fault is not null)
                session.Completed.GetAwaiter().GetResult();
            cancellation.ThrowIfCancellationRequested();
            cancellation.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(20));
            int now;
            lock (given)
                now = given.Count;
            // The first result may take long; a stream that gives nothing at all ends by patience.
            if (now != count || now == 0)
                (count, since) = (now, clock.Now);
        }
    }

    private static IEnumerable<Figure> Process(ProcessState before, ProcessState after, int frames)
    {
        yield return Figure.Once("processors used", "", Better.None, after.Processors(before));
        yield return Figure.Once(HostConditions.Others, "", Better.None, after.OtherProcessors(before) ?? 0);
        yield return Figure.Once(
            "allocated per frame", "kB", Better.Lower, (after.AllocatedBytes - before.AllocatedBytes) / 1e3 / Math.Max(1, frames));
        for (var generation = 0; generation < after.Collections.Count; generation++)
            yield return Figure.Once(
                $"collections of generation {generation}", "", Better.None, after.Collections[generation] - before.Collections[generation]);
        yield return Figure.Once("resident memory", "MB", Better.Lower, after.ResidentBytes / 1e6);
        yield return Figure.Once("tensors of the stream", "", Better.None, after.Tensors - before.Tensors);
    }

    private static IEnumerable<Figure> Loop(IReadOnlyList<TimeSpan> late) =>
        [Figure.Once("load itself late p99", "ms", Better.None, Distribution.Of(late.Select(l => l.TotalMilliseconds)).P99)];

    private static Dictionary<string, IReadOnlyList<Point>> Series(FrameLog log) => new()
    {
        ["latency cdf"] = Curves.Cumulative(log.Given.Select(f => f.Milliseconds)),
        ["latency over time"] = Curves.Peaks([.. log.Given.Select(f => new Point(f.Due.TotalSeconds, f.Milliseconds))]),
    };
}
