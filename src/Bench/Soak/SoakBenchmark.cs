using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Scheduling.Batching;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Soak;

/// <summary>How long and with what.</summary>
public sealed record SoakBenchmarkOptions
{
    /// <summary>Model, VAE, mode, device, type, threads.</summary>
    public required RestyleOptions Run { get; init; }

    /// <summary>Steps that a session may have.</summary>
    public required IReadOnlyList<int> Steps { get; init; }

    /// <summary>Sizes that a session may have.</summary>
    public required IReadOnlyList<(int Width, int Height)> Sizes { get; init; }

    /// <summary>Sessions at a time, at most. Default 2.</summary>
    public int Sessions { get; init; } = 2;

    /// <summary>Frames a second of each session. Default 8.</summary>
    public double Rate { get; init; } = 8;

    /// <summary>Real time. Default a minute.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Of everything that is random. Default 1.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Other processes of this machine that are watched too, such as ranks. Default: none.</summary>
    public IReadOnlyList<int> Watched { get; init; } = [];

    /// <summary>Sessions come and go within a round and are all gone at its end, when what the process holds can be compared.</summary>
    public TimeSpan Round => TimeSpan.FromSeconds(Math.Clamp(Duration.TotalSeconds / 20, 2, 30));
}

/// <summary>
/// Sessions come and go for a long time, and what steers them changes; what the process holds when none is there must stay the same.
/// </summary>
public static class SoakBenchmark
{
    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(SoakBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        using var host = Host(options, model, cancellation);
        // Where too little is seen to judge a trend, none need be taken care of.
        if (options.Duration >= SoakFigures.Fewest * options.Round)
            host.Settle();
        var slots = Enumerable.Range(0, options.Sessions).Select(i => new SoakSlot(host, options, i)).ToList();
        var (before, start) = (ProcessState.Now(), Stopwatch.GetTimestamp());
        var samples = new List<ProcessState>();
        var others = options.Watched.Select(id => new WatchedProcess(id)).ToList();
        try
        {
            while (Stopwatch.GetElapsedTime(start) < options.Duration && !cancellation.IsCancellationRequested)
            {
                Round(slots, options.Round, cancellation);
                host.Rest(cancellation);
                var sample = ProcessState.Now();
                samples.Add(sample);
                others.ForEach(o => o.Sample());
                log(Line(Stopwatch.GetElapsedTime(start), slots, sample, others));
            }
            return Report(options, model, host.Description, slots, SoakFigures.Of(samples, before, others), before);
        }
        finally
        {
            slots.ForEach(s => s.Dispose());
        }
    }

    private static HostSessions Host(SoakBenchmarkOptions options, LoadedModel model, CancellationToken cancellation)
    {
        // All sessions may be of one size, each with the most steps, while one that is leaving still holds its lanes.
        var lanes = options.Steps.Max() * (options.Sessions + 1);
        // A ring cannot be looked at beforehand; its first ticks correct what is assumed.
        var latency = model.Transformer is null
            ? HostLatency.Find(model, options.Run.Sampling, options.Sizes[0], _ => { })
            : TickLatency.Measure(model, options.Run.Sampling, options.Sizes, cancellation);
        return new HostSessions(
            model, options.Run.Sampling, new DeadlineBatchPolicy(latency), latency, new HostOptions { Lanes = lanes, RowsPerTick = lanes });
    }

    /// <summary>A sample as a JSON object of one line.</summary>
    private static string Line(TimeSpan time, List<SoakSlot> slots, ProcessState sample, List<WatchedProcess> others) =>
        JsonSerializer.Serialize(new
        {
            seconds = Math.Round(time.TotalSeconds, 1),
            sessions = slots.Sum(s => s.Sessions),
            changes = slots.Sum(s => s.Changes),
            framesGiven = slots.Sum(s => s.FramesGiven),
            tensors = sample.Tensors,
            descriptors = sample.Descriptors,
            threads = sample.Threads,
            residentBytes = sample.ResidentBytes,
            heapBytes = sample.HeapBytes,
            others = others.Select(o => new
            {
                process = o.Id,
                descriptors = o.Samples[^1].Descriptors,
                threads = o.Samples[^1].Threads,
                residentBytes = o.Samples[^1].ResidentBytes,
            }),
        });

    private static void Round(List<SoakSlot> slots, TimeSpan length, CancellationToken cancellation)
    {
        Exception? fault = null;
        void Run(SoakSlot slot)
        {
            try
            {
                slot.Run(length, cancellation);
            }
            catch (Exception e)
            {
                fault = e;
            }
        }

        var threads = slots.Select(s => new Thread(() => Run(s)) { IsBackground = true, Name = "streamdiff soak" }).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        if (fault is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
    }

    private static BenchmarkReport Report(
        SoakBenchmarkOptions options, LoadedModel model, string sharing, List<SoakSlot> slots,
        (IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, IReadOnlyList<Point>> Series) held, ProcessState before)
    {
        var settings = model.Describe(options.Run.Sampling);
        settings["sessions"] = $"{options.Sessions} at a time, {sharing}";
        settings["steps"] = string.Join(",", options.Steps);
        settings["sizes"] = string.Join(",", options.Sizes.Select(s => $"{s.Width}x{s.Height}"));
        settings["ranks"] = options.Run.Compute.Ranks?.ToString() ?? "none";
        settings["rate"] = options.Rate.ToString(CultureInfo.InvariantCulture);
        settings["seconds"] = options.Duration.TotalSeconds.ToString(CultureInfo.InvariantCulture);
        settings["seed"] = options.Seed.ToString(CultureInfo.InvariantCulture);
        settings["included"] =
            $"sampled every {options.Round.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s when no session is open; the "
                + "first fifth of the samples is left out of the trends";
        return new BenchmarkReport
        {
            Benchmark = "soak",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases =
            [
                new BenchmarkCase("sessions that come and go",
                [
                    Figure.Once("sessions", "", Better.None, slots.Sum(s => s.Sessions)),
                    Figure.Once("changes of control", "", Better.None, slots.Sum(s => s.Changes)),
                    Figure.Once("refused", "", Better.None, slots.Sum(s => s.Refused)),
                    Figure.Once("frames offered", "", Better.None, slots.Sum(s => s.FramesOffered)),
                    Figure.Once("frames given", "", Better.None, slots.Sum(s => s.FramesGiven)),
                    .. held.Figures,
                ], held.Series),
            ],
        };
    }
}
