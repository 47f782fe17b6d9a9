using System.Text.Json;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using StreamDiff.Pipeline.Verification;
using StreamDiff.Pipeline.Verification.Published;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Verification;

/// <summary>
/// Cases of other sizes than the given ones, recorded from this implementation. They say nothing of its numbers; they show that the replay
/// takes every size and setting from the case, alone and over ranks.
/// </summary>
public sealed class OtherSizesTests
{
    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(1, 0, -1, 7, 1, 3)]
    [InlineData(2, 1, 0.9, 3, 1, 4)]
    [InlineData(3, 4, 0.5, 9, 1, 2)]
    [InlineData(2, 2, -1, 8, 2, 5)]
    public void Run_CaseOfOtherSizes_TakesThemFromTheCase(int steps, int sinks, double threshold, int window, int framesPerChunk, int heads)
    {
        using var folder = new TestFolder();
        Directory.CreateDirectory(folder.File("deep/er"));
        var facts = Record(folder.File("deep/er"), steps, new CacheGeometry(3 * 5, window, sinks, threshold), framesPerChunk, heads);
        Assert.True(Replay(1) is { Passed: true }, Replay(1).Detail);
        Assert.True(Replay(2) is { Passed: true }, Replay(2).Detail);

        // Were the window not read, another one would do as well.
        Write(facts.Replace($"\"num_kv_cache\":{window}", $"\"num_kv_cache\":{window + 1}", StringComparison.Ordinal));
        Assert.False(Replay(1).Passed);
        // What says nothing may be left out.
        Write(facts.Replace(",\"rope_refresh_frame\":null", "", StringComparison.Ordinal)
            .Replace("\"first_timestep\":null,", "", StringComparison.Ordinal));
        Assert.True(Replay(1) is { Passed: true }, Replay(1).Detail);

        CaseResult Replay(int ranks) =>
            Assert.Single(GoldenVerifier.Run(folder.File("."), CPU, ScalarType.Float32, ranks: [.. Enumerable.Repeat(CPU, ranks)]));
        void Write(string text) => File.WriteAllText(folder.File("deep/er/case.json"), text);
    }

    private static string Record(string folder, int steps, CacheGeometry geometry, int framesPerChunk, int heads)
    {
        LibTorch.Load();
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var config = new WanConfig
        {
            Dim = 20 * heads,
            FfnDim = 56,
            Heads = heads,
            Blocks = 2,
            TextDim = 12,
            TextLength = 6,
            FrequencyDim = 18,
        };
        var options = new DenoiserOptions
        {
            Timesteps = [.. new double[] { 800, 550, 300 }.Take(steps)],
            Geometry = geometry,
            Rotation = KeyRotation.Published,
            GridRows = 3,
            GridColumns = 5,
            Shift = 5,
        };
        using var weights = new KeptWeights();
        using var model = CausalWanModel.Load(config, .., weights, CPU, ScalarType.Float32);
        var io = new Dictionary<string, Tensor>
        {
            ["prompt_embeds"] = Random([1, 5, 12], 1),
            ["prepare_noisy"] = Random([1, 2 * framesPerChunk, 16, 6, 10], 2),
        };
        using var prompt = model.EncodePrompt(io["prompt_embeds"]);
        using var noise = new KeptNoise(io);
        using var batch = new StreamBatch(model, prompt, noise, options);
        io["prepare_out"] = batch.Prepare(io["prepare_noisy"]);
        var prepared = noise.Count;
        var ticks = new List<object>();
        for (var i = 0; i < 3 * geometry.WindowFrames; i++)
        {
            var (from, start, name) = (noise.Count, (i + 2) * framesPerChunk, $"step_{i:d3}");
            io[$"{name}.noisy"] = Random([1, framesPerChunk, 16, 6, 10], (ulong)(100 + i));
            double? first = i % 2 == 0 ? null : 700 + i;
            batch.Next(io[$"{name}.noisy"], start, first);
            io[$"{name}.out"] = batch.Rows.clone();
            batch.Cache.Settle();
            var lanes = Enumerable.Range(0, steps).Select(batch.Cache.Lane).ToList();
            // Copies: the lanes go on.
            int[] ends = [.. lanes.Select(l => l.LocalEnd)];
            int[][][] ring = [.. Enumerable.Range(0, 2).Select(b => lanes.Select(l => l.Queue(b).Ends.ToArray()).ToArray())];
            ticks.Add(new
            {
                start_frame = start,
                first_timestep = first,
                noise_draws = new[] { from, noise.Count },
                local_end = ends,
                ring
            });
        }
        var (keys, values) = batch.Cache.Block(1);
        (io["final.block_1.k"], io["final.block_1.v"]) = (keys, values);
        SafetensorsWriter.Write(
            Path.Combine(folder, "io.safetensors"), [.. io.Select(t => KeyValuePair.Create(t.Key, t.Value.contiguous()))]);
        SafetensorsWriter.Write(Path.Combine(folder, "weights.safetensors"), weights.Kept);
        var facts = JsonSerializer.Serialize(new
        {
            kind = "stream_batch",
            config = new
            {
                dit = new
                {
                    dim = config.Dim,
                    ffn_dim = config.FfnDim,
                    num_heads = heads,
                    num_layers = 2,
                    text_dim = 12,
                    text_len = 6,
                    freq_dim = 18,
                    eps = 1e-6,
                    in_dim = 16,
                    out_dim = 16
                },
                denoising_steps = options.Timesteps,
                height = 48,
                width = 80,
                num_kv_cache = geometry.WindowFrames,
                num_sinks = geometry.SinkFrames,
                sink_threshold = geometry.SinkThreshold,
                rope_refresh_frame = (int?)null,
                shift = options.Shift,
            },
            prepare_draws = new[] { 0, prepared },
            steps = ticks,
        });
        File.WriteAllText(Path.Combine(folder, "case.json"), facts);
        return facts;
    }

    private static Tensor Random(long[] shape, ulong seed)
    {
        using var generator = new Generator(seed);
        return randn(shape, generator: generator);
    }

    private sealed class KeptNoise(Dictionary<string, Tensor> io) : INoiseSource
    {
        public int Count { get; private set; }

        public Tensor Draw(ReadOnlySpan<long> shape)
        {
            var draw = Random(shape.ToArray(), (ulong)(1000 + Count)).DetachFromDisposeScope();
            io[$"draw_{Count++:d3}"] = draw.clone().DetachFromDisposeScope();
            return draw;
        }

        public void Dispose()
        {
        }
    }

    /// <summary>Random weights that are kept for the file.</summary>
    private sealed class KeptWeights : IWeightSource
    {
        private readonly RandomWeightSource _random = new(7);

        public Dictionary<string, Tensor> Kept { get; } = [];

        public string Description => _random.Description;

        public IReadOnlyCollection<string> Names => _random.Names;

        public long[]? ShapeOf(string name, long[] wanted) => wanted;

        public Tensor Read(string name, long[] shape, Device device, ScalarType type)
        {
            var tensor = _random.Read(name, shape, device, type);
            Kept[name] = tensor.clone().DetachFromDisposeScope();
            return tensor;
        }

        public void Dispose()
        {
            foreach (var tensor in Kept.Values)
                tensor.Dispose();
        }
    }
}
