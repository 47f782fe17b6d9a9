using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Bench.Sessions;

/// <summary>What sessions did that always had a next frame.</summary>
/// <param name="FramesPerSecond">Of all together.</param>
/// <param name="ResidentBytes">Of the process, or of all processes, while they ran.</param>
/// <param name="Slowest">Frames a second of the session that got least.</param>
/// <param name="TickMilliseconds">How long ticks took, by their rows.</param>
public sealed record ClosedLoopResult(
    double FramesPerSecond, long ResidentBytes, double Slowest, IReadOnlyDictionary<int, IReadOnlyList<double>> TickMilliseconds);

/// <summary>Sessions of one host that always have a next frame.</summary>
public static class ClosedLoop
{
    // More than what the stages hold, so that none of them ever waits for a frame.
    private const int FramesAhead = 24;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2);

    /// <param name="model">The model.</param>
    /// <param name="run">Prompt, seed and the like.</param>
    /// <param name="sessions">How many.</param>
    /// <param name="size">Of all of them.</param>
    /// <param name="warmUp">Left out.</param>
    /// <param name="duration">Measured.</param>
    /// <param name="latency">Of this device.</param>
    /// <param name="ready">Called when all sessions are there and before the first frame is offered.</param>
    /// <param name="cancellation">Ends it.</param>
    public static ClosedLoopResult Measure(
        LoadedModel model, SamplingOptions run, int sessions, (int Width, int Height) size, TimeSpan warmUp, TimeSpan duration,
        LatencyModel latency, Action ready, CancellationToken cancellation)
    {
        var lanes = run.Steps * sessions;
        var given = new long[sessions];
        var ticks = new SortedDictionary<int, List<double>>();
        using var frames = new TestFrames(size);
        using var host = new SessionHost(model, new HostOptions
        {
            Lanes = lanes,
            RowsPerTick = lanes,
        }, new DeadlineBatchPolicy(latency), new LiveClock(TimeProvider.System))
        { Measured = Observe };
        var live = Enumerable.Range(0, sessions).Select(i => host.Start(
            new SessionRequest($"session {i}", run with { Seed = i, Prompt = "a painting" }, size, new SessionSlo { Ladder = [] })
            {
                KeepsAll = true,
            },
            finished =>
            {
                finished.Frame.Dispose();
                Interlocked.Increment(ref given[i]);
            })).ToList();
        ready();
        var offered = new long[sessions];
        var start = host.Clock.Now;
        Feed(start + warmUp);
        var (from, before) = (host.Clock.Now, given.Select((_, i) => Interlocked.Read(ref given[i])).ToArray());
        Feed(from + duration);
        var (seconds, after) = ((host.Clock.Now - from).TotalSeconds, given.Select((_, i) => Interlocked.Read(ref given[i])).ToArray());
        var rates = after.Zip(before, (a, b) => (a - b) / seconds).ToList();
        Dictionary<int, IReadOnlyList<double>> byRows;
        lock (ticks)
            byRows = ticks.ToDictionary(t => t.Key, t => (IReadOnlyList<double>)[.. t.Value]);
        return new ClosedLoopResult(rates.Sum(), ProcessState.Now().ResidentBytes, rates.Min(), byRows);

        // On the device's thread.
        void Observe(TickShape shape, TimeSpan took)
        {
            latency.Observe(shape, took);
            lock (ticks)
            {
                if (!ticks.TryGetValue(shape.Lanes, out var times))
                    ticks[shape.Lanes] = times = [];
                times.Add(took.TotalMilliseconds);
            }
        }

        void Feed(TimeSpan until)
        {
            while (host.Clock.Now < until)
            {
                cancellation.ThrowIfCancellationRequested();
                for (var i = 0; i < sessions; i++)
                {
                    if (live[i].Fault is { } fault)
                        throw new PipelineException("session", live[i].Statistics.Chunks, fault);
                    for (; offered[i] - Interlocked.Read(ref given[i]) < FramesAhead; offered[i]++)
                        live[i].Offer(frames.Give(offered[i]), host.Clock.Now);
                }
                cancellation.WaitHandle.WaitOne(Look);
            }
        }
    }
}
