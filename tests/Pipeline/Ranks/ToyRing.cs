using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Scheduling.Noise;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>A transformer of toy size with random weights, its streams on one rank and on several.</summary>
internal static class ToyRing
{
    public const int Rows = 2;
    public const int Columns = 3;

    public static WanConfig Config { get; } = new()
    {
        Dim = 48,
        FfnDim = 64,
        Heads = 2,
        Blocks = 6,
        TextDim = 16,
        TextLength = 8,
        FrequencyDim = 32,
    };

    /// <summary>Its heads split so that no two blocks are alike and some have heads of one kind only.</summary>
    public static RankModel Split => Model with
    {
        Config = Config with { HeadSplit = new HeadSplit(6, 1, 1, [[0], [], [0, 1], [1], [], [0]]) },
    };

    public static RankModel Model { get; } = new(Config, () => new RandomWeightSource(3), CPU, ScalarType.Float32);

    public static DenoiserOptions Options(int steps, KeyRotation rotation = KeyRotation.Relative, double threshold = 0.2) => new()
    {
        Timesteps = [.. new double[] { 700, 500, 400, 200 }.Take(steps)],
        Geometry = new CacheGeometry(Rows * Columns, 6, 3, threshold),
        Rotation = rotation,
        GridRows = Rows,
        GridColumns = Columns,
    };

    public static Tensor Latents(long frames, ulong seed)
    {
        using var generator = new Generator(seed);
        return randn([1, frames, 16, 2 * Rows, 2 * Columns], generator: generator);
    }

    public static Tensor Prompt(ulong seed)
    {
        using var generator = new Generator(seed);
        return randn([1, 8, 16], generator: generator);
    }

    /// <summary>The clean chunks of one rank.</summary>
    /// <param name="options">How to denoise.</param>
    /// <param name="chunks">Chunks after the first.</param>
    /// <param name="promptChange">Chunk before which the prompt changes.</param>
    /// <param name="of">The model; null for the usual one.</param>
    public static Tensor[] OneRank(DenoiserOptions options, int chunks, int promptChange = int.MaxValue, RankModel? of = null)
    {
        using var inference = inference_mode();
        using var model = (of ?? Model).Load(0, Config.Blocks);
        using var runner = new LocalTickRunner(model);
        return Run(runner, options, chunks, promptChange, null);
    }

    /// <summary>The same by a ring.</summary>
    /// <param name="ring">Formed.</param>
    /// <param name="options">How to denoise.</param>
    /// <param name="chunks">Chunks after the first.</param>
    /// <param name="promptChange">Chunk before which the prompt changes.</param>
    /// <param name="beforeChunk">Called before each chunk is fed.</param>
    public static Tensor[] Ring(
        RankRing ring, DenoiserOptions options, int chunks, int promptChange = int.MaxValue, Action<int>? beforeChunk = null)
    {
        using var inference = inference_mode();
        using var runner = new RingTickRunner(ring);
        return Run(runner, options, chunks, promptChange, beforeChunk);
    }

    /// <summary>The chunks of one stream, one after the other. Gives what must be disposed after it as well.</summary>
    internal static (LaneDenoiser Denoiser, IDisposable[] Parts) Stage(TickQueue ticks, DenoiserOptions options)
    {
        var runner = ticks.Runner;
        var noise = new KeyedNoise(runner.Device);
        var pool = runner.CreatePool(options, options.OnOneLane ? 1 : options.Timesteps.Count);
        using var embeddings = Prompt(5);
        var (mixing, prompt) = (new StreamNoise(new NoiseOptions(), noise), runner.Encode(embeddings));
        var state = new ControlState(
            new NoiseOptions().Scale, options.Timesteps.Count, 1, options.Geometry.SinkFrames, options.Geometry.SinkThreshold);
        var denoiser = new LaneDenoiser(ticks, new LaneStream(ticks, pool, options, noise, 1), (number, chunk) =>
        {
            var (noisy, first) = mixing.Apply(state, number, chunk.Latents, chunk.Motion);
            return (noisy, new ChunkSettings(prompt, [first ?? options.Timesteps[0], .. options.Timesteps.Skip(1)]) { Seed = 1 });
        });
        return (denoiser, [denoiser, prompt, pool, noise]);
    }

    internal static Tensor[] Run(
        ITickRunner runner, DenoiserOptions options, int chunks, int promptChange, Action<int>? beforeChunk,
        Func<int, LoraStrengths>? loras = null)
    {
        using var ticks = new TickQueue(runner);
        using var stream = new ToyStream(ticks, options, promptChange, loras);
        for (var i = 1; i <= chunks; i++)
        {
            beforeChunk?.Invoke(i);
            stream.Feed(i);
        }
        return stream.Finish();
    }

    /// <summary>Largest |error| / max(|expected|, 1) over all chunks.</summary>
    public static double Distance(Tensor[] expected, Tensor[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        var worst = 0.0;
        for (var i = 0; i < expected.Length; i++)
        {
            using var scope = NewDisposeScope();
            var error = actual[i].sub(expected[i]).abs().div(expected[i].abs().clamp(min: Scalars.One)).max().item<float>();
            worst = Math.Max(worst, float.IsNaN(error) ? double.PositiveInfinity : error);
        }
        return worst;
    }

    public static (RankRing Ring, LocalRankThreads Threads) Local(int ranks, int depth = 0, RankModel? model = null)
    {
        var directory = new LocalRanks();
        var threads = new LocalRankThreads([.. Enumerable.Repeat(model ?? Model, ranks)], directory, threads: 1);
        var ring = new RankRing(
            new RankRingOptions { Blocks = Config.Blocks, Depth = depth }, [.. Enumerable.Range(0, ranks).Select(LocalRankThreads.Address)],
            directory);
        ring.Form();
        return (ring, threads);
    }
}

/// <summary>One of the streams of a runner.</summary>
internal sealed class ToyStream : IDisposable
{
    private readonly KeyedNoise _noise = new(CPU);
    private readonly TickQueue _ticks;
    private readonly LanePool _pool;
    private readonly IPrompt[] _prompts;
    private readonly LaneStream _stream;
    private readonly List<Tensor> _results = [];
    private readonly int _promptChange;
    private readonly Func<int, LoraStrengths>? _loras;
    private readonly List<IPrompt> _own = [];

    public ToyStream(
        TickQueue ticks, DenoiserOptions options, int promptChange = int.MaxValue, Func<int, LoraStrengths>? loras = null)
    {
        (_ticks, _promptChange, _loras) = (ticks, promptChange, loras);
        _pool = ticks.Runner.CreatePool(options, options.OnOneLane ? 1 : options.Timesteps.Count);
        using (var first = ToyRing.Prompt(5))
        using (var second = ToyRing.Prompt(6))
            _prompts = [ticks.Runner.Encode(first), ticks.Runner.Encode(second)];
        _stream = new LaneStream(ticks, _pool, options, _noise, 1);
        Feed(0);
    }

    /// <summary>
    /// Admits a chunk and begins one tick, of everything that can run (on one lane, all of its steps); waits only where no more ticks may
    /// be in flight.
    /// </summary>
    public void Feed(int chunk)
    {
        using (var latents = ToyRing.Latents(chunk == 0 ? 2 : 1, (ulong)chunk))
            _stream.Admit(
                latents, new ChunkSettings(PromptOf(chunk), [650, .. _stream.Options.Timesteps.Skip(1)]) { Loras = _loras?.Invoke(chunk) });
        // On one lane a chunk goes through before the next one comes.
        do
            Tick();
        while (_stream.Options.OnOneLane && !_stream.IsIssued(chunk));
    }

    /// <summary>Everything that is in flight comes out; the clean chunks of the whole stream, which are the caller's.</summary>
    public Tensor[] Finish()
    {
        while (_stream.InFlight > 0)
            Tick();
        Tensor[] all = [.. _results];
        _results.Clear();
        return all;
    }

    /// <summary>Throws away what has come out so far.</summary>
    public void Discard()
    {
        foreach (var chunk in _results)
            chunk.Dispose();
        _results.Clear();
    }

    public void Dispose()
    {
        Discard();
        _stream.Dispose();
        foreach (var prompt in _prompts.Concat(_own))
            prompt.Dispose();
        _pool.Dispose();
        _noise.Dispose();
    }

    // What a prompt means depends on the weights.
    private IPrompt PromptOf(int chunk)
    {
        if (_loras is null)
            return _prompts[chunk < _promptChange ? 0 : 1];
        using var embeddings = ToyRing.Prompt(5);
        _own.Add(_ticks.Runner.Encode(embeddings, _loras(chunk)));
        return _own[^1];
    }

    private void Tick()
    {
        // Ticks of other streams in flight are completed as well.
        while (!_ticks.HasRoom)
            _ticks.Collect(wait: true);
        var ready = _stream.Ready;
        if (ready.Count > 0)
            _ticks.Issue([.. ready.Where(r => r.Frames == ready[0].Frames
                && Equals(_stream.LorasOf(r), _stream.LorasOf(ready[0]))).Select(r => (_stream, r))]);
        else
            _ticks.Collect(wait: true);
        while (_stream.TryTake(out _, out var clean))
            _results.Add(clean);
    }
}
