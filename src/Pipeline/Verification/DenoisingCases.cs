using System.Text.Json;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Verification.Published;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

internal static class DenoisingCases
{
    public static void StreamBatch(GoldenCase golden, Comparison compare) => Replay(golden, compare, batch: true);

    public static void Sequential(GoldenCase golden, Comparison compare) => Replay(golden, compare, batch: false);

    // The oracle runs on one device; what products run on is what was asked for.
    private static void Replay(GoldenCase golden, Comparison compare, bool batch)
    {
        if (golden.Ranks.Count == 1)
            ReplayOracle(golden, compare, batch);
        LaneCases.Replay(golden, compare, batch);
    }

    /// <summary>The transformer's sizes under the names of the public configuration.</summary>
    internal static WanConfig ReadConfig(JsonElement dit) => new()
    {
        Dim = dit.Needs("dim"),
        FfnDim = dit.Needs("ffn_dim"),
        Heads = dit.Needs("num_heads"),
        Blocks = dit.Needs("num_layers"),
        InChannels = dit.Whole("in_dim") ?? 16,
        OutChannels = dit.Whole("out_dim") ?? 16,
        TextDim = dit.Needs("text_dim"),
        TextLength = dit.Needs("text_len"),
        FrequencyDim = dit.Needs("freq_dim"),
        Epsilon = dit.Number("eps") ?? 1e-6,
    };

    internal static DenoiserOptions ReadOptions(JsonElement config)
    {
        var (rows, columns) = (config.Needs("height") / 16, config.Needs("width") / 16);
        return new DenoiserOptions
        {
            Timesteps = [.. config.GetProperty("denoising_steps").EnumerateArray().Select(e => e.GetDouble())],
            Geometry = new CacheGeometry(
                rows * columns, config.Needs("num_kv_cache"), config.Whole("num_sinks") ?? 0, config.Number("sink_threshold") ?? -1),
            Rotation = KeyRotation.Published,
            GridRows = rows,
            GridColumns = columns,
            Shift = config.Number("shift") ?? 8,
            RopeRefreshFrame = config.Whole("rope_refresh_frame"),
        };
    }

    private static void ReplayOracle(GoldenCase golden, Comparison compare, bool batch)
    {
        using var model = CausalWanModel.Load(ReadConfig(golden.Config.GetProperty("dit")), .., golden.Weights, golden.Device, golden.Type);
        using var prompt = model.EncodePrompt(golden.Tensor("prompt_embeds"));
        using var noise = new RecordedNoise(golden);
        using StreamDenoiser denoiser = batch
            ? new StreamBatch(model, prompt, noise, ReadOptions(golden.Config))
            : new SequentialDenoiser(model, prompt, noise, ReadOptions(golden.Config));

        noise.Expect(golden.Facts, "prepare_draws");
        compare.Tensors("prepare", golden.Tensor("prepare_out"), denoiser.Prepare(golden.Tensor("prepare_noisy")));

        var index = 0;
        foreach (var step in golden.Facts.GetProperty("steps").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            var name = $"step_{index++:d3}";
            noise.Expect(step, "noise_draws");
            var clean = denoiser.Next(golden.Tensor($"{name}.noisy"), step.Needs("start_frame"), step.Number("first_timestep"));
            compare.Tensors(name, golden.Tensor($"{name}.out"), denoiser is StreamBatch rows ? rows.Rows : clean);
            CompareBookkeeping(name, step, denoiser.Cache, model.BlockCount, compare);
        }
        CompareCaches(golden, denoiser.Cache, model.BlockCount, compare);
    }

    internal static void CompareBookkeeping(string name, JsonElement step, KvCachePool cache, int blocks, Comparison compare)
    {
        cache.Settle();
        var lanes = Enumerable.Range(0, cache.Lanes).ToList();
        compare.Exactly($"{name} local_end", Ints(step.GetProperty("local_end")), lanes.Select(l => cache.Lane(l).LocalEnd));
        if (!step.TryGetProperty("ring", out var ring))
            return;
        for (var block = 0; block < blocks; block++)
            foreach (var lane in lanes)
                compare.Exactly($"{name} ring of block {block}, row {lane}", Ints(ring[block][lane]), cache.Lane(lane).Queue(block).Ends);
    }

    internal static void CompareCaches(GoldenCase golden, KvCachePool cache, int blocks, Comparison compare)
    {
        for (var block = 0; block < blocks; block++)
        {
            if (!golden.Has($"final.block_{block}.k"))
                continue;
            var (keys, values) = cache.Block(block);
            compare.Tensors($"keys of block {block}", golden.Tensor($"final.block_{block}.k"), keys);
            compare.Tensors($"values of block {block}", golden.Tensor($"final.block_{block}.v"), values);
        }
    }

    private static IEnumerable<int> Ints(JsonElement list) => list.EnumerateArray().Select(e => e.GetInt32());
}
