using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Policies;

/// <summary>Which policies meet which loads.</summary>
public sealed record PolicyBenchmarkOptions
{
    /// <summary>Model, VAE, device, type, threads.</summary>
    public required RestyleOptions Run { get; init; }

    /// <summary>Denoising steps of all sessions. Default 2.</summary>
    public int Steps { get; init; } = 2;

    /// <summary>Sessions at the same time, each with a load of its own. Default 1.</summary>
    public int Sessions { get; init; } = 1;

    /// <summary>Frames a second of each session.</summary>
    public required double Rate { get; init; }

    public required IReadOnlyList<LoadKind> Loads { get; init; }

    /// <summary>Policies by name; the first one is the one that the others are for comparison with.</summary>
    public required IReadOnlyList<(string Name, Func<LatencyModel, IBatchPolicy> Make)> Policies { get; init; }

    /// <summary>How long frames arrive. Default 10 s.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Earlier arrivals are left out. Default 2 s.</summary>
    public TimeSpan WarmUp { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>From capture to hand-over. Default 500 ms.</summary>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long ticks are measured before. Default four seconds.</summary>
    public TimeSpan Calibration { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>Pairs: in each all policies meet all loads. Default 3.</summary>
    public int Repeats { get; init; } = 3;

    /// <summary>Of bursts and stalls; every repetition has its own. Default 1.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>
/// Policies in real time on the real model, in paired runs: within a repetition every policy meets the same arrivals right after the
/// others, in an order that turns from repetition to repetition. Nothing is degraded, so that only the order of work differs; the output
/// would be the same.
/// </summary>
public static class PolicyBenchmark
{
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(PolicyBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var size = options.Run.Frame.SizeFor(model.Model);
        log("calibrating");
        var terms = Calibrate(model, options, size, cancellation);
        var runs = new Dictionary<(LoadKind, string), List<PolicyRun>>();
        var before = ProcessState.Now();
        for (var repeat = 0; repeat < options.Repeats; repeat++)
        {
            foreach (var load in options.Loads)
            {
                for (var turn = 0; turn < options.Policies.Count; turn++)
                {
                    var (name, make) = options.Policies[(turn + repeat) % options.Policies.Count];
                    log($"{repeat + 1}/{options.Repeats}: {Show(load)}, {name}");
                    var run = PolicyRun.Execute(
                        model, options, size, load, options.Seed + repeat, make, new LatencyModel(terms), cancellation);
                    if (!runs.TryGetValue((load, name), out var all))
                        runs[(load, name)] = all = [];
                    all.Add(run);
                }
            }
        }
        return new BenchmarkReport
        {
            Benchmark = "policies",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = Settings(options, model, size),
            Conditions = HostConditions.Since(before),
            Cases = [.. from load in options.Loads
                from policy in options.Policies
                let all = runs[(load, policy.Name)]
                select new BenchmarkCase($"{Show(load)}, {policy.Name}", Figure.Join([.. all.Select(r => r.Figures)]), all[^1].Series)],
        };
    }

    internal static LatencyTerms Calibrate(
        LoadedModel model, PolicyBenchmarkOptions options, (int Width, int Height) size, CancellationToken cancellation) =>
        TickLatency.Measure(model, options.Run.Sampling, [size], cancellation, options.Steps * options.Sessions, options.Calibration).Terms;

    internal static string Show(LoadKind load) => load.ToString().ToLowerInvariant();

    internal static SortedDictionary<string, string> Settings(
        PolicyBenchmarkOptions options, LoadedModel model, (int Width, int Height) size)
    {
        var settings = model.Describe(options.Run.Sampling);
        string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
        settings.Remove("mode");
        settings["included"] = LatencyBenchmark.Included + "; nothing degraded";
        settings["loop"] = $"open, paired runs; {PolicyRun.Beginnings}";
        settings["size"] = $"{size.Width}x{size.Height}";
        settings["steps"] = Number(options.Steps);
        settings["sessions"] = Number(options.Sessions);
        settings["rate"] = Number(options.Rate);
        settings["seconds"] = Number(options.Duration.TotalSeconds);
        settings["warm-up seconds"] = Number(options.WarmUp.TotalSeconds);
        settings["deadline ms"] = Number(options.Deadline.TotalMilliseconds);
        settings["repeats"] = Number(options.Repeats);
        settings["load seed"] = Number(options.Seed);
        return settings;
    }
}
