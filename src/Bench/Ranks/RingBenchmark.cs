using System.Diagnostics;
using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Transport.Links;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Ranks;

/// <summary>What to measure a ring with.</summary>
public sealed record RingBenchmarkOptions
{
    public required Model Model { get; init; }

    public required RankList Ranks { get; init; }

    /// <summary>Denoising steps. Default 2.</summary>
    public int Steps { get; init; } = 2;

    /// <summary>Picture size. Null: the model's own.</summary>
    public (int Width, int Height)? Size { get; init; }

    /// <summary>Default: the device's.</summary>
    public ComputeType Type { get; init; }

    /// <summary>Ticks measured after warm-up. Default 60.</summary>
    public int Ticks { get; init; } = 60;

    /// <summary>Ticks before. Default 10.</summary>
    public int WarmUp { get; init; } = 10;

    /// <summary>Ticks in flight; 0 for one more than ranks.</summary>
    public int Depth { get; init; }

    /// <summary>Compute threads of each rank. Default 1.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>Cores of the ranks of this process. Null: not pinned.</summary>
    public IReadOnlyList<int>? Cores { get; init; }

    public BlockBalance Balance { get; init; } = BlockBalance.Off;

    /// <summary>Spread to begin with. Null: even.</summary>
    public IReadOnlyList<BlockRange>? Ranges { get; init; }

    /// <summary>Seconds per block that each rank of this process is slowed down by. Null: none.</summary>
    public IReadOnlyList<double>? SlowPerBlock { get; init; }

    /// <summary>Seconds per tick of load on each rank of this process besides its blocks, in place of a VAE. Null: none.</summary>
    public IReadOnlyList<double>? LoadPerTick { get; init; }
}

/// <summary>One tick as it came back.</summary>
/// <param name="Returned">Nanoseconds of the monotonic clock.</param>
/// <param name="Ranks">What each rank measured.</param>
public sealed record MeasuredTick(long Returned, IReadOnlyList<RankTiming> Ranks);

/// <summary>What was measured.</summary>
/// <param name="TickSeconds">Mean time between results after warm-up.</param>
/// <param name="Ticks">Every tick after warm-up.</param>
/// <param name="Ranges">Blocks of each rank at the end.</param>
/// <param name="Moves">Ticks, counted from the beginning, before which blocks moved.</param>
/// <param name="Carriers">What carried arrays from each rank to the next.</param>
/// <param name="Last">The last clean latents.</param>
public sealed record RingMeasurement(
    double TickSeconds, IReadOnlyList<MeasuredTick> Ticks, IReadOnlyList<BlockRange> Ranges, IReadOnlyList<int> Moves,
    IReadOnlyList<string> Carriers, float[] Last)
{
    /// <summary>Mean seconds of a part of a rank's ticks.</summary>
    public double Mean(int rank, Func<RankTiming, long> part) => Ticks.Average(t => part(t.Ranks[rank])) * 1e-9;

    /// <summary>Cost of a rank as the scaling model takes it.</summary>
    public RankCost Cost(int rank) => new(Mean(rank, t => t.Blocks) / Ranges[rank].Count, Mean(rank, t => t.Other + t.Receive), 0, 0);
}

/// <summary>The stream batch without a ring.</summary>
/// <param name="TickSeconds">Mean time of a tick after warm-up.</param>
/// <param name="Last">The last clean latents: those of a ring that was fed the same.</param>
public sealed record OneRankMeasurement(double TickSeconds, float[] Last)
{
    /// <summary>Largest difference to the latents of a ring, relative to the largest of them.</summary>
    public double DifferenceTo(RingMeasurement ring) =>
        Last.Zip(ring.Last, (a, b) => Math.Abs((double)a - b)).Max() / Math.Max(Last.Max(Math.Abs), 1e-30);
}

/// <summary>
/// Times the transformer alone, on one rank without a ring and on rings, with random latents: what spreading it over ranks gains and costs.
/// </summary>
public static class RingBenchmark
{
    private const double Motion = 650;

    /// <summary>The stream batch on one thread, as a run without ranks has it: the measure of all scaling.</summary>
    public static OneRankMeasurement OneRank(RingBenchmarkOptions options)
    {
        LibTorch.Load();
        var seconds = 0.0;
        float[] last = [];
        OnThread(options.Cores?[0], () =>
        {
            set_num_threads(options.Threads);
            var target = ComputeTarget.Resolve(options.Ranks.Devices[0], options.Type);
            using var weights = ModelBundle.OpenTransformer(options.Model);
            using var model = Models.Wan.CausalWanModel.Load(
                ModelBundle.TransformerConfig(options.Model.Config), .., weights, target.Device, target.Type);
            using var embeddings = Prompt(options);
            using var runner = new LocalTickRunner(model);
            using var stream = new MeasuredStream(runner, Settings(options), embeddings, Motion) { Done = clean => last = Numbers(clean) };
            using var scope = NewDisposeScope();
            var latents = Latents(options, 1).to(target.Device);
            stream.Feed(Latents(options, 2).to(target.Device));
            var started = 0L;
            for (var i = 0; i < options.WarmUp + options.Ticks; i++)
            {
                if (i == options.WarmUp)
                    started = Stopwatch.GetTimestamp();
                stream.Feed(latents);
                if (target.Device.type == DeviceType.CUDA)
                    cuda.synchronize(target.Device);
            }
            seconds = Stopwatch.GetElapsedTime(started).TotalSeconds / options.Ticks;
            stream.Drain();
        });
        return new OneRankMeasurement(seconds, last);
    }

    /// <summary>A ring.</summary>
    /// <exception cref="ModelException">A device or rank cannot be used.</exception>
    public static RingMeasurement Ring(RingBenchmarkOptions options)
    {
        LibTorch.Load();
        using var inference = inference_mode();
        var model = options.Model;
        var targets = options.Ranks.Devices.Select(d => ComputeTarget.Resolve(d, options.Type)).ToList();
        var type = targets.Count > 0 ? targets[0].Type : ComputeTarget.Resolve(DeviceName.Cpu, options.Type).Type;
        var directory = new LocalRanks();
        var connector = new RankConnector(directory, RankConnector.CallerOptions(options.Ranks.SecretFile, options.Ranks.TlsAuthority),
            RankConnector.IdentityOf(model, type));
        var models = targets.Select(t => new RankModel(
            ModelBundle.TransformerConfig(model.Config), () => ModelBundle.OpenTransformer(model), t.Device, t.Type)).ToList();
        using var threads = new LocalRankThreads(models, directory, connector, options.Threads, cores: options.Cores);
        List<string> addresses = [.. models.Select((_, i) => LocalRankThreads.Address(i)), .. options.Ranks.Remote];
        using var ring = new RankRing(
            new RankRingOptions { Blocks = model.Config.Dit.NumLayers, Depth = options.Depth }, addresses, connector);
        for (var rank = 0; rank < threads.Workers.Count; rank++)
        {
            threads.Workers[rank].ExtraTimePerBlock = TimeSpan.FromSeconds(options.SlowPerBlock?[rank] ?? 0);
            threads.Workers[rank].ExtraTimePerTick = TimeSpan.FromSeconds(options.LoadPerTick?[rank] ?? 0);
        }
        try
        {
            ring.Form(options.Ranges);
            return Measure(options, ring);
        }
        catch (LinkException e)
        {
            throw new ModelException(e.Message, e);
        }
    }

    private static RingMeasurement Measure(RingBenchmarkOptions options, RankRing ring)
    {
        var balancer = new RankBalancer(options.Balance, new BlockSchedulerOptions(), options.Steps);
        var ticks = new List<MeasuredTick>();
        var moves = new List<int>();
        var fed = 0;
        float[] last = [];
        ring.Log = line =>
        {
            if (line.StartsWith("blocks", StringComparison.Ordinal))
                moves.Add(fed);
        };
        using var prompt = Prompt(options);
        using var runner = new RingTickRunner(ring, balancer);
        using var stream = new MeasuredStream(runner, Settings(options), prompt, Motion) { Done = clean => last = Numbers(clean) };
        using (var first = Latents(options, 2))
            stream.Feed(first);
        stream.Drain();
        ring.Timed = timings =>
        {
            balancer.Measured(ring, timings);
            ticks.Add(new MeasuredTick((long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency)), timings));
        };
        using var latents = Latents(options, 1);
        for (; fed < options.WarmUp + options.Ticks; fed++)
        {
            stream.Feed(latents);
        }
        stream.Drain();
        // Rows are missing at the very beginning and at the end: only ticks in between are whole.
        var ramp = Math.Max(options.WarmUp, (options.Steps - 1) * ring.Depth);
        var whole = ticks.Take(fed).Skip(ramp).ToList();
        return new RingMeasurement(
            (whole[^1].Returned - whole[0].Returned) * 1e-9 / (whole.Count - 1), whole, ring.Ranges, moves, ring.Carriers, last);
    }

    private static float[] Numbers(Tensor clean)
    {
        using var near = clean.to(ScalarType.Float32, CPU);
        return near.data<float>().ToArray();
    }

    private static DenoiserOptions Settings(RingBenchmarkOptions options)
    {
        var size = new FrameOptions { Size = options.Size }.SizeFor(options.Model);
        return StreamSettings.From(new SamplingOptions { Steps = options.Steps }, options.Model.Config, size).Denoiser;
    }

    // What a prompt says does not change what a tick costs.
    private static Tensor Prompt(RingBenchmarkOptions options) => zeros(1, 1, options.Model.Config.Dit.TextDim);

    private static Tensor Latents(RingBenchmarkOptions options, long frames)
    {
        var settings = Settings(options);
        using var generator = new Generator(3);
        return randn([1, frames, options.Model.Config.Dit.InDim, 2 * settings.GridRows, 2 * settings.GridColumns], generator: generator);
    }

    private static void OnThread(int? core, Action work)
    {
        Exception? fault = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (core is { } number)
                    CoreAffinity.PinThisThread(number);
                using var inference = inference_mode();
                work();
            }
            catch (Exception e)
            {
                fault = e;
            }
        });
        thread.Start();
        thread.Join();
        if (fault is not null)
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(fault);
    }
}
