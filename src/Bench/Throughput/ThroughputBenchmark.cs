using System.Diagnostics;
using System.Globalization;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Load;
using StreamDiff.Bench.Reports;
using StreamDiff.Models;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Statistics;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Throughput;

/// <summary>What to vary.</summary>
public sealed record ThroughputBenchmarkOptions
{
    /// <summary>Model, VAE, mode, device, type, threads.</summary>
    public required RestyleOptions Run { get; init; }

    public required IReadOnlyList<int> Steps { get; init; }

    public required IReadOnlyList<(int Width, int Height)> Sizes { get; init; }

    /// <summary>False leaves the VAE out: the transformer alone, on random latents. Default true.</summary>
    public bool Vae { get; init; } = true;

    /// <summary>Chunks measured in each case. Default 40.</summary>
    public int Chunks { get; init; } = 40;

    /// <summary>Times that every case is run, in turns with the others. Default 3.</summary>
    public int Repeats { get; init; } = 3;
}

/// <summary>
/// Frames a second when the next frame is always there: stages on threads of their own as in a run on a file, without media.
/// </summary>
public static class ThroughputBenchmark
{
    private const int WarmUpChunks = 8;
    private static readonly string[] Stages = ["VAE encode", "denoise", "VAE decode"];

    /// <exception cref="ModelException">The model cannot be used.</exception>
    public static BenchmarkReport Run(ThroughputBenchmarkOptions options, Action<string> log, CancellationToken cancellation)
    {
        using var model = LoadedModel.Open(options.Run.Compute);
        using var inference = inference_mode();
        var cases = (from size in options.Sizes from steps in options.Steps select (Steps: steps, Size: size)).ToList();
        var figures = cases.Select(_ => new List<IReadOnlyList<Figure>>()).ToList();
        var before = ProcessState.Now();
        for (var repeat = 0; repeat < options.Repeats; repeat++)
        {
            for (var i = 0; i < cases.Count; i++)
            {
                cancellation.ThrowIfCancellationRequested();
                log($"{repeat + 1}/{options.Repeats}: {Name(cases[i])}");
                var sampling = options.Run.Sampling with { Steps = cases[i].Steps };
                figures[i].Add(options.Vae
                    ? WholePipeline(model, sampling, cases[i].Size, options.Chunks, cancellation)
                    : TransformerOnly(model, sampling, cases[i].Size, options.Chunks, cancellation));
            }
        }
        var settings = model.Describe(options.Run.Sampling);
        settings["included"] = options.Vae
            ? "VAE encode, denoise, VAE decode, overlapped; no media"
            : "denoise only, on random latents; no VAE, no media";
        settings["loop"] = "closed";
        settings["ticks"] = model.Transformer?.Ticks.ToString() ?? "";
        if (options.Vae)
            settings["VAE kernels"] = model.DecoderVae.Kernels;
        settings["chunks"] = options.Chunks.ToString(CultureInfo.InvariantCulture);
        settings["repeats"] = options.Repeats.ToString(CultureInfo.InvariantCulture);
        return new BenchmarkReport
        {
            Benchmark = "throughput",
            Hardware = HostDescription.Hardware(model.Target.Device),
            Software = HostDescription.Software(),
            Settings = settings,
            Conditions = HostConditions.Since(before),
            Cases = [.. cases.Select((c, i) =>
                new BenchmarkCase(Name(c), Figure.Join(figures[i]), new Dictionary<string, IReadOnlyList<Point>>()))],
        };
    }

    private static string Name((int Steps, (int Width, int Height) Size) c) =>
        FormattableString.Invariant($"{c.Steps} step{(c.Steps == 1 ? "" : "s")}, {c.Size.Width}x{c.Size.Height}");

    private static List<Figure> WholePipeline(
        LoadedModel model, SamplingOptions sampling, (int Width, int Height) size, int chunks, CancellationToken cancellation)
    {
        using var pictures = new TestFrames(size);
        using var over = new ManualResetEventSlim();
        using var host = MeasuredSession.Host(model, sampling, new LiveClock(TimeProvider.System));
        Session? session = null;
        var finished = new List<long>();
        (TimeSpan[] Busy, ProcessState State) from = ([], ProcessState.Now()), to = from;
        var request = MeasuredSession.Request(sampling, size) with { KeepsAll = true, Traced = Chunk };
        using (session = host.Start(request, given => given.Frame.Dispose()))
        {
            for (var fed = 0L; !over.IsSet && !cancellation.IsCancellationRequested && !session.Completed.IsCompleted; fed++)
            {
                session.WaitForRoom();
                session.Offer(pictures.Give(fed), host.Clock.Now);
            }
            if (session.Fault is not null)
                session.Completed.GetAwaiter().GetResult();
        }
        cancellation.ThrowIfCancellationRequested();
        var seconds = Stopwatch.GetElapsedTime(finished[WarmUpChunks - 1], finished[WarmUpChunks + chunks - 1]).TotalSeconds;
        return
        [
            Figure.Once("fps", "1/s", Better.Higher, Chunker.FramesPerLatent * chunks / seconds),
            .. Stages.Select((name, i) => (Name: name, Busy: to.Busy[i] - from.Busy[i]))
                .Select(s => Figure.Once($"chunk: {s.Name}", "ms", Better.None, s.Busy.TotalMilliseconds / chunks)),
            .. Use(from.State, to.State, Chunker.FramesPerLatent * chunks),
        ];

        void Chunk(ChunkTrace trace)
        {
            finished.Add(Stopwatch.GetTimestamp());
            if (finished.Count == WarmUpChunks)
                from = Mark();
            if (finished.Count != WarmUpChunks + chunks)
                return;
            to = Mark();
            over.Set();
        }

        (TimeSpan[], ProcessState) Mark()
        {
            var meter = session!.Meter;
            return ([meter.Spent(ChunkStage.Encode).Time, host.Busy, meter.Spent(ChunkStage.Decode).Time], ProcessState.Now());
        }
    }

    private static List<Figure> TransformerOnly(
        LoadedModel model, SamplingOptions sampling, (int Width, int Height) size, int chunks, CancellationToken cancellation)
    {
        var settings = model.Settings(sampling, size);
        using var session = new BenchStream(model, settings);
        var (seconds, before, ticks) = (0.0, ProcessState.Now(), new List<double>());
        for (var i = 0; i < WarmUpChunks + chunks; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (i == WarmUpChunks)
                before = ProcessState.Now();
            // The first chunk has two latent frames, as in a stream.
            using var latents = new LatentChunk(
                i,
                randn([1, i == 0 ? 2 : 1, model.Model.Config.Dit.InDim, 2 * settings.Denoiser.GridRows, 2 * settings.Denoiser.GridColumns],
                    device: model.Target.Device),
                0, [new FrameTiming(i, i, 1)]);
            Synchronize(model);
            var start = Stopwatch.GetTimestamp();
            session.Denoiser.Next(latents)?.Dispose();
            Synchronize(model);
            if (i >= WarmUpChunks)
                ticks.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        seconds = ticks.Sum() / 1e3;
        return
        [
            Figure.Once("fps", "1/s", Better.Higher, Chunker.FramesPerLatent * chunks / seconds),
            Figure.Once("chunk: denoise", "ms", Better.None, Distribution.Median(ticks)),
            .. Use(before, ProcessState.Now(), Chunker.FramesPerLatent * chunks),
        ];
    }

    private static void Synchronize(LoadedModel model)
    {
        if (model.Target.Device.type == TorchSharp.DeviceType.CUDA)
            cuda.synchronize();
    }

    private static IEnumerable<Figure> Use(ProcessState before, ProcessState after, int frames) =>
    [
        Figure.Once("processors used", "", Better.None, after.Processors(before)),
        Figure.Once(HostConditions.Others, "", Better.None, after.OtherProcessors(before) ?? 0),
        Figure.Once("allocated per frame", "kB", Better.Lower, (after.AllocatedBytes - before.AllocatedBytes) / 1e3 / frames),
        Figure.Once("collections of generation 2", "", Better.None, after.Collections[2] - before.Collections[2]),
        Figure.Once("resident memory", "MB", Better.Lower, after.ResidentBytes / 1e6),
    ];
}
