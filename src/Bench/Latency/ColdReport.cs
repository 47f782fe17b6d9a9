using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Bench.Latency;

/// <summary>Cold first frames as a report.</summary>
public static class ColdReport
{
    /// <param name="options">What was run.</param>
    /// <param name="runs">Figures of each process.</param>
    /// <param name="before">State of this process when the measurement began.</param>
    public static BenchmarkReport Of(RestyleOptions options, IReadOnlyList<IReadOnlyList<Figure>> runs, ProcessState before)
    {
        var plan = ComputePlan.Of(options.Compute);
        var (target, size) = (plan.Target, options.Frame.SizeFor(plan.Model));
        return new BenchmarkReport
        {
            Benchmark = "first-frame",
            Hardware = HostDescription.Hardware(target.Device),
            Software = HostDescription.Software(),
            Settings = new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                ["model"] = plan.Model.Name,
                ["vae"] = plan.Vae,
                ["mode"] = options.Sampling.Mode.ToString(),
                ["device"] = target.Device.ToString(),
                ["type"] = target.Type.ToString(),
                ["included"] = "start-up: process start until a stream is open; first frame: from the first complete chunk (five frames) "
                    + "received, " + LatencyBenchmark.Included,
                ["repeats"] = runs.Count.ToString(CultureInfo.InvariantCulture),
            },
            Conditions = HostConditions.Since(before),
            Cases = [new BenchmarkCase(FormattableString.Invariant($"{options.Sampling.Steps} steps, {size.Width}x{size.Height}, cold"),
                Figure.Join(runs), new Dictionary<string, IReadOnlyList<Point>>())],
        };
    }
}
