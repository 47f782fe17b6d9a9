using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Control;

/// <summary>Streams whose prompt changes while frames arrive by the clock.</summary>
public sealed record ControlBenchmarkOptions
{
    /// <summary>Model, VAE, device, type, threads.</summary>
    public required RestyleOptions Run { get; init; }

    /// <summary>Denoising steps, a case each.</summary>
    public required IReadOnlyList<int> Steps { get; init; }

    /// <summary>Frames a second. Default 8.</summary>
    public double Rate { get; init; } = 8;

    /// <summary>Changes of the prompt in each case. Default 10.</summary>
    public int Changes { get; init; } = 10;

    /// <summary>Between two changes, and before the first. Default 2 s.</summary>
    public TimeSpan Between { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Of the moments of the changes. Default 1.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>
/// How long a change of the prompt takes to be seen: frames and milliseconds from the command to the first frame that is fully of the new
/// prompt, and whether any frame is missing.
/// </summary>
public static class ControlBenchmark
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly string[] Prompts = ["a watercolor painting", "neon", "a blueprint", "an old sepia photograph"];

    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(ControlBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var size = options.Run.Frame.SizeFor(model.Model);
        var before = ProcessState.Now();
        var latency = TickLatency.Measure(model, options.Run.Sampling, [size], cancellation);
        var cases = new List<BenchmarkCase>();
        foreach (var steps in options.Steps)
        {
            log($"{steps} steps, {options.Changes} changes");
            cases.Add(Case(model, options, size, steps, latency, cancellation));
        }
        var settings = model.Describe(options.Run.Sampling);
        settings["included"] =
            "from the command to the hand-over of the first frame of the new prompt: encoding the prompt, queue, VAE, denoising";
        settings["size"] = $"{size.Width}x{size.Height}";
        settings["rate"] = options.Rate.ToString(CultureInfo.InvariantCulture);
        settings["changes"] = options.Changes.ToString(CultureInfo.InvariantCulture);
        settings["between"] = options.Between.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        return new BenchmarkReport
        {
            Benchmark = "control",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases = cases,
        };
    }

    private static BenchmarkCase Case(
        LoadedModel model, ControlBenchmarkOptions options, (int Width, int Height) size, int steps, LatencyModel latency,
        CancellationToken cancellation)
    {
        using var frames = new TestFrames(size);
        var clock = new LiveClock(TimeProvider.System);
        var room = new HostOptions { Lanes = steps, RowsPerTick = steps, Latency = latency, Refuses = false };
        using var host = new SessionHost(model, room, new DeadlineBatchPolicy(latency), clock);
        var given = new List<FinishedFrame>();
        var slo = new SessionSlo { TargetFps = options.Rate, Ladder = [] };
        using var session = host.Start(
            new SessionRequest("control", options.Run.Sampling with { Steps = steps, Prompt = Prompts[^1] }, size, slo), finished =>
        {
            finished.Frame.Dispose();
            lock (given)
                given.Add(finished);
        });
        var (random, changes) = (new Random(options.Seed), new List<Change>());
        var arrivals = ArrivalPattern.Times(LoadKind.Steady, options.Rate, options.Between * (options.Changes + 1), options.Seed);
        // In the middle of a frame's time, at any place within a group.
        var due = Enumerable.Range(1, options.Changes).Select(i => (int)(i * options.Between.TotalSeconds * options.Rate) + random.Next(4))
            .ToHashSet();
        var (origin, offered) = (clock.Now, 0);
        OpenLoop.RunAsync(arrivals, TimeProvider.System, i =>
        {
            session.Offer(frames.Give(i), origin + arrivals[i]);
            offered++;
            if (!due.Contains(i))
                return;
            int shown;
            lock (given)
                shown = given.Count;
            var prompt = new PromptChange(Prompts[changes.Count % Prompts.Length]);
            changes.Add(new Change(clock.Now, offered, shown, session.Controls.Apply(prompt)));
        }, cancellation).GetAwaiter().GetResult();
        session.Finish();
        if (!session.Completed.Wait(Patience, cancellation))
            throw new BenchmarkException("the stream did not come to its end: the rate is far beyond what the machine does");

        var seen = changes.Where(c => c.Pending.Effect.IsCompletedSuccessfully && c.First < given.Count).ToList();
        if (seen.Count == 0)
            throw new BenchmarkException("no change has been seen: give it longer, or fewer frames a second");
        // What was dropped before it counts as well.
        int Number(long first) => arrivals.Count(a => origin + a < given[(int)first].Taken);
        return new BenchmarkCase($"{steps} step{(steps == 1 ? "" : "s")}",
        [
            Of("frames of the old prompt shown after the command", "", [.. seen.Select(c => (double)(c.First - c.Shown))]),
            Of("frames taken between command and first changed frame", "", [.. seen.Select(c => (double)(Number(c.First) - c.Offered))]),
            Of("command to first changed frame", "ms", [.. seen.Select(c => (given[(int)c.First].Now - c.At).TotalMilliseconds)]),
            Figure.Once("changes seen", "", Better.Higher, seen.Count),
            Figure.Once("frames offered", "", Better.None, offered),
            Figure.Once("frames missing", "", Better.Lower, offered - given.Count),
            Figure.Once("frames out of order", "", Better.Lower, given.Zip(given.Skip(1)).Count(p => p.Second.Taken <= p.First.Taken)),
        ], new Dictionary<string, IReadOnlyList<Point>>());
    }

    private static Figure Of(string name, string unit, IReadOnlyList<double> values) =>
        Figure.Of([.. values.Select(v => Figure.Once(name, unit, Better.Lower, v))]);

    /// <param name="At">Time of the command.</param>
    /// <param name="Offered">Frames offered before it.</param>
    /// <param name="Shown">Frames handed over before it.</param>
    /// <param name="Pending">Tells where it took effect.</param>
    private sealed record Change(TimeSpan At, int Offered, int Shown, PendingChange Pending)
    {
        // Number among the frames that the model took; the same among those that come out, since none is lost behind it.
        public long First => Pending.Effect.Result.Frame;
    }
}
