using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Loading;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Latency;

/// <summary>
/// Latency of live streams under open-loop load: frames arrive by the clock and go the way of a live run, from the queue in front of the
/// model to the hand-over of finished frames. Decoding and encoding of media and the pacing of outputs are not in it.
/// </summary>
public static class LatencyBenchmark
{
    /// <summary>What is measured, for reports.</summary>
    public const string Included = "queue, VAE encode, denoise, VAE decode; no media decode or encode, no pacing";

    /// <param name="options">What to vary.</param>
    /// <param name="log">Told what is under way, one line a case.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="ModelException">The model cannot be used.</exception>
    /// <exception cref="BenchmarkException">A case gave nothing to measure.</exception>
    public static BenchmarkReport Run(LatencyBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        var cases = options.Cases.ToList();
        var figures = cases.Select(_ => new List<IReadOnlyList<Figure>>()).ToList();
        var series = new IReadOnlyDictionary<string, IReadOnlyList<Point>>[cases.Count];
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var before = ProcessState.Now();
        for (var repeat = 0; repeat < options.Repeats; repeat++)
        {
            for (var i = 0; i < cases.Count; i++)
            {
                log($"{repeat + 1}/{options.Repeats}: {cases[i].Name}");
                var measured = LatencyCaseRun.Execute(model, cases[i], options, cancellation);
                figures[i].Add(measured.Figures);
                series[i] = measured.Series;
            }
        }
        return new BenchmarkReport
        {
            Benchmark = "latency",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = Settings(options, model),
            Conditions = HostConditions.Since(before),
            Cases = [.. cases.Select((c, i) => new BenchmarkCase(c.Name, Figure.Join(figures[i]), series[i]))],
        };
    }

    private static SortedDictionary<string, string> Settings(LatencyBenchmarkOptions options, LoadedModel model)
    {
        var settings = model.Describe(options.Run.Sampling);
        settings["included"] = Included;
        settings["loop"] = "open";
        settings["seconds"] = options.Duration.TotalSeconds.ToString("0.##", CultureInfo.InvariantCulture);
        settings["warm-up seconds"] = options.WarmUp.TotalSeconds.ToString("0.##", CultureInfo.InvariantCulture);
        settings["deadline ms"] = options.Deadline.TotalMilliseconds.ToString("0.##", CultureInfo.InvariantCulture);
        settings["repeats"] = options.Repeats.ToString(CultureInfo.InvariantCulture);
        settings["load seed"] = options.Seed.ToString(CultureInfo.InvariantCulture);
        return settings;
    }
}
