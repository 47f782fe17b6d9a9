using System.Text.Json;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification;

internal static class DenoisingCases
{
    public static void StreamBatch(GoldenCase golden, Comparison compare) => Replay(golden, compare, batch: true);

    public static void Sequential(GoldenCase golden, Comparison compare) => Replay(golden, compare, batch: false);

    /// <summary>The transformer's sizes under the names of the public configuration.</summary>
    internal static WanConfig ReadConfig(JsonElement dit) => new()
    {
        Dim = dit.GetProperty("dim").GetInt32(),
        FfnDim = dit.GetProperty("ffn_dim").GetInt32(),
        Heads = dit.GetProperty("num_heads").GetInt32(),
        Blocks = dit.GetProperty("num_layers").GetInt32(),
        InChannels = dit.GetProperty("in_dim").GetInt32(),
        OutChannels = dit.GetProperty("out_dim").GetInt32(),
        TextDim = dit.GetProperty("text_dim").GetInt32(),
        TextLength = dit.GetProperty("text_len").GetInt32(),
        FrequencyDim = dit.GetProperty("freq_dim").GetInt32(),
        Epsilon = dit.GetProperty("eps").GetDouble(),
    };

    internal static DenoiserOptions ReadOptions(JsonElement config)
    {
        var (rows, columns) = (config.GetProperty("height").GetInt32() / 16, config.GetProperty("width").GetInt32() / 16);
        return new DenoiserOptions
        {
            Timesteps = [.. config.GetProperty("denoising_steps").EnumerateArray().Select(e => e.GetDouble())],
            Geometry = new CacheGeometry(rows * columns, config.GetProperty("num_kv_cache").GetInt32(), config.GetProperty("num_sinks").GetInt32(),
                config.GetProperty("sink_threshold").GetDouble()),
            Rotation = KeyRotation.Published,
            GridRows = rows,
            GridColumns = columns,
            Shift = config.GetProperty("shift").GetDouble(),
            RopeRefreshFrame = config.TryGetProperty("rope_refresh_frame", out var frame) && frame.ValueKind == JsonValueKind.Number ? frame.GetInt32() : null,
        };
    }

    private static void Replay(GoldenCase golden, Comparison compare, bool batch)
    {
        if (golden.Ranks.Count > 1)
        {
            RankedCases.Replay(golden, compare, batch);
            return;
        }
        using var model = CausalWanModel.Load(ReadConfig(golden.Config.GetProperty("dit")), .., golden.Weights, golden.Device, golden.Type);
        using var prompt = model.EncodePrompt(golden.Tensor("prompt_embeds"));
        using var noise = new RecordedNoise(golden);
        using StreamDenoiser denoiser = batch
            ? new StreamBatch(model, prompt, noise, ReadOptions(golden.Config))
            : new SequentialDenoiser(model, prompt, noise, ReadOptions(golden.Config));

        noise.Expect(golden.Facts.GetProperty("prepare_draws"));
        compare.Tensors("prepare", golden.Tensor("prepare_out"), denoiser.Prepare(golden.Tensor("prepare_noisy")));

        var index = 0;
        foreach (var step in golden.Facts.GetProperty("steps").EnumerateArray())
        {
            using var scope = NewDisposeScope();
            var name = $"step_{index++:d3}";
            noise.Expect(step.GetProperty("noise_draws"));
            var first = step.GetProperty("first_timestep");
            var clean = denoiser.Next(golden.Tensor($"{name}.noisy"), step.GetProperty("start_frame").GetInt64(),
                first.ValueKind == JsonValueKind.Number ? first.GetDouble() : null);
            compare.Tensors(name, golden.Tensor($"{name}.out"), denoiser is StreamBatch rows ? rows.Rows : clean);
            CompareBookkeeping(name, step, denoiser.Cache, model.BlockCount, compare);
        }
        CompareCaches(golden, denoiser.Cache, model.BlockCount, compare);
    }

    private static void CompareBookkeeping(string name, JsonElement step, KvCachePool cache, int blocks, Comparison compare)
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

    private static void CompareCaches(GoldenCase golden, KvCachePool cache, int blocks, Comparison compare)
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
