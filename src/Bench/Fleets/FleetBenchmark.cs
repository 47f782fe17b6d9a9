using System.Diagnostics;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;
using StreamDiff.Scheduling.Simulation.Fleets;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Bench.Fleets;

/// <summary>
/// A fleet in virtual time; and, where there is one, the same requests in real time against a real fleet, told by how far the simulation
/// lies beside it.
/// </summary>
internal static class FleetBenchmark
{
    /// <summary>Beginning of the names of figures that tell how far the simulator is off.</summary>
    public const string Off = "off: ";

    /// <summary>Figures that a real fleet can tell as well.</summary>
    public static IReadOnlyList<string> Compared { get; } =
        ["all-user fps", "served", "pictures in time", "first picture p50", "first picture p95"];

    /// <param name="fleet">The fleet.</param>
    /// <param name="load">What comes to it.</param>
    /// <param name="real">Runs the same load in real time; null to simulate only.</param>
    public static BenchmarkReport Run(SimulatedFleet fleet, FleetLoad load, Func<IReadOnlyList<Figure>>? real)
    {
        var before = ProcessState.Now();
        var watch = Stopwatch.StartNew();
        var simulated = Figures(FleetSimulator.Run(fleet, load));
        var took = watch.Elapsed;
        var cases = new List<BenchmarkCase>();
        if (real?.Invoke() is { } measured)
        {
            cases.Add(new BenchmarkCase("real", measured, NoCurves));
            simulated = [.. simulated, .. Differences(simulated, measured)];
        }
        cases.Insert(0, new BenchmarkCase("simulated", simulated, NoCurves));
        return new BenchmarkReport
        {
            Benchmark = "fleet",
            Hardware = new Dictionary<string, string> { ["simulated workers"] = $"{fleet.Device.Name}; from {fleet.Device.Source}" },
            Software = HostDescription.Software(),
            Settings = Settings(fleet, load),
            Conditions = new Dictionary<string, string>(HostConditions.Since(before))
            {
                ["seconds to simulate"] = Text(took.TotalSeconds),
                ["processor seconds to simulate and measure"] = Text(ProcessState.Now().Processors(before) * watch.Elapsed.TotalSeconds),
            },
            Cases = cases,
        };
    }

    /// <summary>Figures under the names that reports use.</summary>
    public static IReadOnlyList<Figure> Figures(FleetResult result) =>
    [
        Figure.Once("all-user fps", "", Better.Higher, result.AllUserFps),
        Figure.Once("all-user share", "%", Better.Higher, 100 * result.AllUserShare),
        Figure.Once("served", "", Better.Higher, result.Served),
        Figure.Once("queued", "", Better.Lower, result.Queued),
        Figure.Once("gave up", "", Better.Lower, result.GaveUp),
        Figure.Once("refused", "", Better.Lower, result.Refused),
        Figure.Once("moved", "", Better.None, result.Moved),
        Figure.Once("interrupted", "", Better.None, result.Interrupted),
        Figure.Once("pictures in time", "%", Better.Higher, 100 * result.PicturesInTime),
        Figure.Once("chunks in time", "%", Better.Higher, 100 * result.ChunksInTime),
        Figure.Once("worst chunk", "ms", Better.Lower, 1000 * result.WorstChunk),
        .. Spread("first picture", result.FirstChunk),
        .. Spread("wait", result.Wait),
        .. Spread("recovery", result.Recovery),
        Figure.Once("most streams", "", Better.None, result.MostStreams),
        Figure.Once("most queued", "", Better.None, result.MostQueued),
        Figure.Once("workers busy", "%", Better.None, 100 * result.Utilisation),
        Figure.Once("stream seconds", "s", Better.None, result.StreamSeconds),
        Figure.Once("ticks", "", Better.None, result.Ticks),
    ];

    private static readonly Dictionary<string, IReadOnlyList<Point>> NoCurves = [];

    private static IEnumerable<Figure> Spread(string name, Distribution seconds) => seconds.Count == 0
        ? []
        :
        [
            Figure.Once($"{name} p50", "s", Better.Lower, seconds.P50),
            Figure.Once($"{name} p95", "s", Better.Lower, seconds.P95),
            Figure.Once($"{name} max", "s", Better.Lower, seconds.Maximum),
        ];

    private static IEnumerable<Figure> Differences(IReadOnlyList<Figure> simulated, IReadOnlyList<Figure> measured) =>
        from name in Compared
        let ours = simulated.FirstOrDefault(f => f.Name == name)
        let theirs = measured.FirstOrDefault(f => f.Name == name)
        where ours is not null && theirs is { Value: > 0 }
        select Figure.Once(Off + name, "%", Better.None, 100 * (ours.Value / theirs.Value - 1));

    private static SortedDictionary<string, string> Settings(SimulatedFleet fleet, FleetLoad load)
    {
        var users = load.Requests;
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["workers"] = Text(fleet.Workers),
            ["streams"] = Text(users.Count),
            ["arrivals"] = load.Kind.ToString().ToLowerInvariant(),
            ["seconds"] = Text(load.Seconds),
            ["mean stay"] = Text(users.Average(u => u.Seconds)),
            ["rate"] = Text(users[0].Slo.TargetFps),
            ["steps"] = Text(users[0].Steps),
            ["deadline ms"] = Text(users[0].Slo.Deadline.TotalMilliseconds),
            ["pictures"] = users[0].Pictures.ToString().ToLowerInvariant(),
            ["kills"] = Text(load.Outages.Count(o => !o.IsDrained)),
            ["drains"] = Text(load.Outages.Count(o => o.IsDrained)),
            ["patience"] = Text(fleet.Patience),
            ["queue"] = Text(fleet.QueueLength),
            ["notice"] = Text(fleet.Notice),
            ["opening"] = Text(fleet.Opening),
            ["jitter"] = Text(fleet.Jitter),
            ["load seed"] = Text(fleet.Seed),
            ["all-user fps"] = "pictures in time a second that a user wanted; who waits, is refused or stalls has 0 for that time",
        };
    }

    private static string Text(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
