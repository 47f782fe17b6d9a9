using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Simulation;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Scheduling.Statistics;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Policies;

/// <summary>
/// Checks the simulator against reality: policies run in real time on the real model, and the same arrivals run through the simulator, once
/// with the ticks that were measured meanwhile and once with those that the latency model says. Cases are called "load, policy", and behind
/// it "recorded ticks" or "modelled ticks".
/// </summary>
public static class SimulatorBenchmark
{
    /// <summary>Beginning of the names of figures that tell how far the simulator is off.</summary>
    public const string Off = "off: ";

    private static readonly string[] Compared = ["fps", "missed", "latency p50", "latency p95"];

    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(PolicyBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var size = options.Run.Frame.SizeFor(model.Model);
        log("calibrating");
        var terms = PolicyBenchmark.Calibrate(model, options, size, cancellation);
        var before = ProcessState.Now();
        var cases = new List<BenchmarkCase>();
        foreach (var load in options.Loads)
        {
            foreach (var (name, make) in options.Policies)
            {
                log($"{PolicyBenchmark.Show(load)}, {name}");
                var (real, recorded, modelled) = (new List<PolicyRun>(), new List<Simulated>(), new List<Simulated>());
                for (var repeat = 0; repeat < options.Repeats; repeat++)
                {
                    var run = PolicyRun.Execute(
                        model, options, size, load, options.Seed + repeat, make, new LatencyModel(terms), cancellation);
                    var lanes = options.Steps * options.Sessions;
                    var device = SimulatedDevices.Of("", model, options.Run.Sampling, size, terms, run.Coding, "", lanes);
                    real.Add(run);
                    recorded.Add(Simulate(options, device, run, make, new RecordedTicks(terms, run.Ticks)));
                    modelled.Add(Simulate(options, device, run, make, new ModelledTicks(terms)));
                }
                var title = $"{PolicyBenchmark.Show(load)}, {name}";
                var measured = new BenchmarkCase(
                    title, [.. Figure.Join([.. real.Select(r => r.Figures)]).Where(f => Compared.Contains(f.Name))], real[^1].Series);
                cases.AddRange(
                    [measured, Case($"{title}, recorded ticks", recorded, measured), Case($"{title}, modelled ticks", modelled, measured)]);
            }
        }
        var settings = PolicyBenchmark.Settings(options, model, size);
        settings["simulated"] = "the same arrivals and the VAE's measured times; a background load only in recorded ticks";
        return new BenchmarkReport
        {
            Benchmark = "simulator",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases = cases,
        };
    }

    /// <summary>How far simulations of a report are off, a line for each kind of ticks.</summary>
    public static IEnumerable<string> Summary(BenchmarkReport report)
    {
        foreach (var kind in (string[])["recorded ticks", "modelled ticks"])
        {
            var cases = report.Cases.Where(c => c.Name.EndsWith(kind, StringComparison.Ordinal)).ToList();
            double Median(string figure) =>
                Distribution.Median(cases.Select(c => c.Find(Off + figure)?.Value).OfType<double>().Select(Math.Abs));
            yield return string.Create(CultureInfo.InvariantCulture,
                $"{kind}: median of {cases.Count} cases off by {Median("fps"):0.0} % of the rate, {Median("missed"):0.0} points of the "
                    + $"misses, {Median("latency p50"):0.0} % of the median latency, {Median("latency p95"):0.0} % of its 95th percentile");
        }
    }

    private static Simulated Simulate(
        PolicyBenchmarkOptions options, SimulatedDevice device, PolicyRun run, Func<LatencyModel, IBatchPolicy> make, ITickTimes ticks)
    {
        var load = new Scheduling.Simulation.Load(Scheduling.Simulation.LoadKind.Steady, options.Duration.TotalSeconds,
            [.. run.Arrivals.Select(a => (IReadOnlyList<double>)[.. a.Select(t => t.TotalSeconds)])], []);
        var latency = new LatencyModel(device.Terms);
        var outcome = Simulator.Record(device, make(latency), load,
            new SessionSlo { Deadline = options.Deadline, TargetFps = options.Rate }, options.Steps, ticks, latency);
        var given = outcome.Streams.SelectMany(s => s.Pictures)
            .Select(p => new FrameTimes(TimeSpan.FromSeconds(p.Taken), TimeSpan.FromSeconds(p.Given))).OrderBy(f => f.Given);
        var log = new FrameLog(
            [.. run.Arrivals.SelectMany(a => a).Order()], [.. given], options.WarmUp, options.Duration, options.Deadline);
        return new Simulated(
            [.. log.Figures().Where(f => Compared.Contains(f.Name))], Curves.Cumulative(log.Given.Select(f => f.Milliseconds)));
    }

    private static BenchmarkCase Case(string name, List<Simulated> runs, BenchmarkCase real)
    {
        var figures = Figure.Join([.. runs.Select(r => r.Figures)]);
        var off = from figure in figures
                  let measured = real.Find(figure.Name)
                  where measured is not null
                  select Figure.Once(
                      Off + figure.Name, figure.Name == "missed" ? "points" : "%", Better.None,
                      figure.Name == "missed"
                          ? figure.Value - measured.Value
                          : measured.Value == 0 ? 0 : 100 * (figure.Value / measured.Value - 1));
        return new BenchmarkCase(
            name, [.. figures, .. off], new Dictionary<string, IReadOnlyList<Point>> { ["latency cdf"] = runs[^1].Curve });
    }

    private sealed record Simulated(IReadOnlyList<Figure> Figures, IReadOnlyList<Point> Curve);
}
