using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Bench.Policies;

/// <summary>One policy under one load, once: a new host and new sessions.</summary>
/// <param name="Figures">Of all sessions together.</param>
/// <param name="Series">Latencies.</param>
/// <param name="Arrivals">By session: when frames arrived.</param>
/// <param name="Ticks">What each tick took, in order.</param>
/// <param name="Coding">What the VAE took for a group of pictures, of late.</param>
internal sealed record PolicyRun(
    IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, IReadOnlyList<Point>> Series,
    IReadOnlyList<IReadOnlyList<TimeSpan>> Arrivals, IReadOnlyList<TickSample> Ticks, CodingTimes Coding)
{
    /// <summary>What a report says of its load: a load of other beginnings is another one.</summary>
    public const string Beginnings = "each session's source begins at a place of its own within a chunk";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static PolicyRun Execute(
        LoadedModel model, PolicyBenchmarkOptions options, (int Width, int Height) size, LoadKind load, int seed,
        Func<LatencyModel, IBatchPolicy> make, LatencyModel latency, CancellationToken cancellation)
    {
        using var background = BackgroundWork.Of(load);
        using var frames = new TestFrames(size);
        var clock = new LiveClock(TimeProvider.System);
        var lanes = options.Steps * options.Sessions;
        var ticks = new List<TickSample>();
        using var host = new SessionHost(model, new HostOptions { Lanes = lanes, RowsPerTick = lanes }, make(latency), clock)
        {
            Measured = (shape, took) =>
            {
                latency.Observe(shape, took);
                ticks.Add(new TickSample(shape, took.TotalSeconds));
            },
        };
        var before = ProcessState.Now();
        var sessions = new List<(Session Session, List<FrameTimes> Given, IReadOnlyList<TimeSpan> Arrivals)>();
        var origin = TimeSpan.Zero;
        for (var i = 0; i < options.Sessions; i++)
        {
            var given = new List<FrameTimes>();
            var request = new SessionRequest(
                $"session {i}", options.Run.Sampling with { Steps = options.Steps, Seed = i, Prompt = "a painting" }, size,
                new SessionSlo { Deadline = options.Deadline, TargetFps = options.Rate, Ladder = [] });
            var session = host.Start(request, finished =>
            {
                finished.Frame.Dispose();
                lock (given)
                    given.Add(new FrameTimes(finished.Taken - origin, finished.Now - origin));
            });
            sessions.Add((session, given, Arrivals(load, options, 1000 * seed + i)));
        }
        origin = clock.Now;
        Task.WhenAll(
            sessions.Select(s => OpenLoop.RunAsync(s.Arrivals, TimeProvider.System,
                i => s.Session.Offer(frames.Give(i), origin + s.Arrivals[i]), cancellation))).GetAwaiter().GetResult();
        foreach (var (session, _, _) in sessions)
            session.Finish();
        if (!Task.WhenAll(sessions.Select(s => s.Session.Completed)).Wait(Patience, cancellation))
            throw new BenchmarkException("a session did not come to its end: the load is far beyond what the machine does");
        var (statistics, after) = (host.Statistics, ProcessState.Now());

        var log = new FrameLog([.. sessions.SelectMany(s => s.Arrivals).Order()],
            [.. sessions.SelectMany(s => s.Given).OrderBy(f => f.Given)], options.WarmUp, options.Duration, options.Deadline);
        return new PolicyRun(
            [
                .. log.Figures().Where(f => f.Name != "jitter"),
                Figure.Once("ticks", "", Better.None, statistics.Ticks),
                Figure.Once("rows per tick", "", Better.None, statistics.Ticks == 0 ? 0 : (double)statistics.Rows / statistics.Ticks),
                Figure.Once("device busy", "%", Better.None, 100 * statistics.Busy / options.Duration),
                Figure.Once("latency model's error", "%", Better.None, 100 * latency.MedianError),
                Figure.Once("processors used", "", Better.None, after.Processors(before)),
                Figure.Once(HostConditions.Others, "", Better.None, after.OtherProcessors(before) ?? 0),
            ],
            new Dictionary<string, IReadOnlyList<Point>> { ["latency cdf"] = Curves.Cumulative(log.Given.Select(f => f.Milliseconds)) },
            [.. sessions.Select(s => s.Arrivals)],
            ticks,
            new CodingTimes(Mean(ChunkStage.Encode), Mean(ChunkStage.Decode)));

        // Sources begin when they like: chunks of several sessions are not full at the same moment, whatever the load.
        static IReadOnlyList<TimeSpan> Arrivals(LoadKind load, PolicyBenchmarkOptions options, int seed)
        {
            var begin = options.Sessions == 1 ? 0 : new Random(seed).NextDouble() * Chunker.FramesPerLatent / options.Rate;
            return [.. ArrivalPattern.Times(load, options.Rate, options.Duration, seed).Select(t => t + TimeSpan.FromSeconds(begin))];
        }

        TimeSpan Mean(ChunkStage stage) => TimeSpan.FromSeconds(sessions.Average(s => s.Session.Statistics.Stages[stage].TotalSeconds));
    }
}
