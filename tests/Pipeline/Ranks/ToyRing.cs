using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Ranks;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>A transformer of toy size with random weights, its streams on one rank and on several.</summary>
internal static class ToyRing
{
    public const int Rows = 2;
    public const int Columns = 3;

    public static WanConfig Config { get; } = new() { Dim = 48, FfnDim = 64, Heads = 2, Blocks = 6, TextDim = 16, TextLength = 8, FrequencyDim = 32 };

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

    /// <summary>The clean chunks of one rank. The prompt changes before the chunk of a given number.</summary>
    public static Tensor[] OneRank(DenoiserOptions options, bool batch, int chunks, int promptChange = int.MaxValue)
    {
        using var inference = inference_mode();
        using var model = Model.Load(0, Config.Blocks);
        using var first = model.EncodePrompt(Prompt(5));
        using var second = model.EncodePrompt(Prompt(6));
        using var noise = new SeededNoise(1, CPU);
        using StreamDenoiser denoiser = batch ? new StreamBatch(model, first, noise, options) : new SequentialDenoiser(model, first, noise, options);
        var results = new List<Tensor> { denoiser.Prepare(Latents(2, 0)) };
        for (var i = 1; i <= chunks; i++)
        {
            if (i == promptChange)
                denoiser.Prompt = second;
            results.Add(denoiser.Next(Latents(1, (ulong)i), 650));
        }
        // What comes out before the first chunk has passed all steps is what the empty batch held.
        results.RemoveRange(1, denoiser.Delay);
        return [.. results];
    }

    /// <summary>The same by a ring.</summary>
    /// <param name="ring">Formed.</param>
    /// <param name="options">How to denoise.</param>
    /// <param name="batch">Stream batch or sequential.</param>
    /// <param name="chunks">Chunks after the first.</param>
    /// <param name="promptChange">Chunk before which the prompt changes.</param>
    /// <param name="beforeChunk">Called before each chunk is fed.</param>
    public static Tensor[] Ring(RankRing ring, DenoiserOptions options, bool batch, int chunks, int promptChange = int.MaxValue, Action<int>? beforeChunk = null)
    {
        using var inference = inference_mode();
        using var stream = new ToyStream(ring, options, batch, promptChange);
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

    public static (RankRing Ring, LocalRankThreads Threads) Local(int ranks, int depth = 0)
    {
        var directory = new LocalRanks();
        var threads = new LocalRankThreads([.. Enumerable.Repeat(Model, ranks)], directory, threads: 1);
        var ring = new RankRing(new RankRingOptions { Blocks = Config.Blocks, Depth = depth }, [.. Enumerable.Range(0, ranks).Select(LocalRankThreads.Address)], directory);
        ring.Form();
        return (ring, threads);
    }
}

/// <summary>One of the streams on a ring.</summary>
internal sealed class ToyStream : IDisposable
{
    private readonly SeededNoise _noise = new(1, CPU);
    private readonly RingDenoiser _denoiser;
    private readonly List<Tensor> _results = [];
    private readonly int _promptChange;

    public ToyStream(RankRing ring, DenoiserOptions options, bool batch = true, int promptChange = int.MaxValue)
    {
        _promptChange = promptChange;
        _denoiser = new RingDenoiser(ring, _noise, options, batch);
        using (var first = ToyRing.Prompt(5))
            _denoiser.SendPrompt(0, first);
        using (var second = ToyRing.Prompt(6))
            _denoiser.SendPrompt(1, second);
        using var start = ToyRing.Latents(2, 0);
        _results.Add(_denoiser.Prepare(start));
    }

    public void Feed(int chunk)
    {
        if (chunk == _promptChange)
            _denoiser.Prompt = 1;
        using var latents = ToyRing.Latents(1, (ulong)chunk);
        _denoiser.Feed(latents, null, 650);
        Take();
    }

    /// <summary>Pushes out what is in flight; the clean chunks of the whole stream, which are the caller's.</summary>
    public Tensor[] Finish()
    {
        while (_denoiser.Drain())
        {
        }
        Take();
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
        _denoiser.Dispose();
        _noise.Dispose();
    }

    private void Take()
    {
        while (_denoiser.TakeFinished() is { } chunk)
            _results.Add(chunk);
    }
}
