using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Policies;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Statistics;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Sessions;

/// <summary>How many sessions, and how they are measured.</summary>
public sealed record SessionScalingOptions
{
    /// <summary>Model, VAE, steps, device, type, threads.</summary>
    public required RestyleOptions Run { get; init; }

    /// <summary>Sessions at a time, one after the other.</summary>
    public required IReadOnlyList<int> Counts { get; init; }

    /// <summary>Frames a second of all sessions together under open-loop load. Default 8.</summary>
    public double TotalRate { get; init; } = 8;

    /// <summary>Measured. Default 8 s.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(8);

    /// <summary>Left out before. Default 2 s.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>From capture to hand-over. Default 500 ms.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Times that everything is measured, in turns. Default 3.</summary>
    public int Repeats { get; init; } = 3;

    /// <summary>Measures so many processes of one session each, at the same time; null leaves them out.</summary>
    public Func<int, ClosedLoopResult>? Processes { get; init; }
}

/// <summary>
/// Sessions of one process that share the weights: how much they do together (closed loop), how long each waits (open loop), and what as
/// many processes do instead.
/// </summary>
public static class SessionScalingBenchmark
{
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(SessionScalingOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var size = options.Run.Frame.SizeFor(model.Model);
        log("calibrating");
        var lanes = options.Counts.Max() * options.Run.Sampling.Steps;
        var terms = TickLatency.Measure(model, options.Run.Sampling, [size], cancellation, lanes, TimeSpan.FromSeconds(2)).Terms;
        var figures = options.Counts.ToDictionary(c => c, _ => new List<IReadOnlyList<Figure>>());
        var series = new Dictionary<int, IReadOnlyDictionary<string, IReadOnlyList<Point>>>();
        var before = ProcessState.Now();
        for (var repeat = 0; repeat < options.Repeats; repeat++)
        {
            foreach (var count in options.Counts)
            {
                log($"{repeat + 1}/{options.Repeats}: {Name(count)}");
                var open = PolicyRun.Execute(model, Load(options, count), size, LoadKind.Steady, 1 + repeat,
                    latency => new DeadlineBatchPolicy(latency), new LatencyModel(terms), cancellation);
                var closed = ClosedLoop.Measure(
                    model, options.Run.Sampling, count, size, options.WarmUp, options.Duration, new LatencyModel(terms), () => { },
                    cancellation);
                var apart = options.Processes?.Invoke(count);
                figures[count].Add([.. Closed(closed, apart), .. open.Figures.Where(f => f.Name != "fps")]);
                series[count] = new Dictionary<string, IReadOnlyList<Point>>(open.Series)
                {
                    ["closed loop: ticks by rows"] = [.. closed.TickMilliseconds.Select(t => new Point(t.Key, t.Value.Count))],
                    ["closed loop: ms of a tick by rows"] =
                        [.. closed.TickMilliseconds.Select(t => new Point(t.Key, Distribution.Median(t.Value)))],
                };
                foreach (var kind in open.Ticks.GroupBy(t => (t.Shape.Lanes, Frames: t.Shape.LatentFrames)).OrderBy(g => g.Key))
                    log(string.Create(CultureInfo.InvariantCulture,
                        $"  open loop, rows x latent frames of a tick {kind.Key.Lanes} x {kind.Key.Frames}: {kind.Count()} ticks of "
                            + $"{Distribution.Median(kind.Select(t => 1000 * t.Seconds)):0.0} ms"));
                foreach (var (rows, times) in closed.TickMilliseconds)
                    log(string.Create(CultureInfo.InvariantCulture,
                        $"  {rows} {(rows == 1 ? "row" : "rows")} a tick: {times.Count} ticks of {Distribution.Median(times):0.0} ms"));
                log($"  since the model was loaded: {model.Transformer!.Ticks}");
            }
        }
        return new BenchmarkReport
        {
            Benchmark = "sessions",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = Settings(options, model, size),
            Conditions = HostConditions.Since(before),
            Cases = [.. options.Counts.Select(c => new BenchmarkCase(Name(c), Figure.Join(figures[c]), series[c]))],
        };
    }

    /// <summary>One session of this process that always has a next frame: what a process of its own does.</summary>
    /// <param name="options">Size and times.</param>
    /// <param name="ready">Called when it could begin; returns when it may.</param>
    /// <param name="cancellation">Ends it.</param>
    public static ClosedLoopResult Alone(SessionScalingOptions options, Action ready, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var size = options.Run.Frame.SizeFor(model.Model);
        return ClosedLoop.Measure(model, options.Run.Sampling, 1, size, options.WarmUp, options.Duration,
            TickLatency.Measure(model, options.Run.Sampling, [size], cancellation, options.Run.Sampling.Steps), ready, cancellation);
    }

    private static IEnumerable<Figure> Closed(ClosedLoopResult together, ClosedLoopResult? apart)
    {
        yield return Figure.Once("fps together", "1/s", Better.Higher, together.FramesPerSecond);
        yield return Figure.Once("fps of the slowest", "1/s", Better.Higher, together.Slowest);
        yield return Figure.Once("resident memory", "MB", Better.Lower, together.ResidentBytes / 1e6);
        if (apart is null)
            yield break;
        yield return Figure.Once("fps of processes", "1/s", Better.None, apart.FramesPerSecond);
        yield return Figure.Once("memory of processes", "MB", Better.None, apart.ResidentBytes / 1e6);
    }

    private static PolicyBenchmarkOptions Load(SessionScalingOptions options, int count) => new()
    {
        Run = options.Run,
        Steps = options.Run.Sampling.Steps,
        Sessions = count,
        Rate = options.TotalRate / count,
        Loads = [LoadKind.Steady],
        Policies = [],
        Duration = options.WarmUp + options.Duration,
        WarmUp = options.WarmUp,
        Deadline = options.Deadline,
    };

    private static string Name(int count) => count == 1 ? "1 session" : string.Create(CultureInfo.InvariantCulture, $"{count} sessions");

    private static SortedDictionary<string, string> Settings(SessionScalingOptions options, LoadedModel model, (int Width, int Height) size)
    {
        var settings = model.Describe(options.Run.Sampling);
        string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
        settings.Remove("mode");
        settings["included"] = LatencyBenchmark.Included
            + "; nothing degraded; one at a time is the row of one session; processes have a session each";
        settings["loop"] = $"fps: closed; latency and misses: open, steady, the rate shared by all sessions; {PolicyRun.Beginnings}";
        settings["size"] = $"{size.Width}x{size.Height}";
        settings["steps"] = Number(options.Run.Sampling.Steps);
        settings["rate of all together"] = Number(options.TotalRate);
        settings["seconds"] = Number(options.Duration.TotalSeconds);
        settings["warm-up seconds"] = Number(options.WarmUp.TotalSeconds);
        settings["deadline ms"] = Number(options.Deadline.TotalMilliseconds);
        settings["repeats"] = Number(options.Repeats);
        settings["weights"] = $"{Number(model.Transformer!.WeightBytes / 1e6)} MB of the transformer, once for all sessions of a process";
        return settings;
    }
}
