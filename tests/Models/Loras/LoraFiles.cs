using StreamDiff.Models;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Testing;

/// <summary>How public LoRAs name their tensors.</summary>
public enum LoraSpellings
{
    /// <summary>transformer.blocks.0.attn1.to_q.lora_A.weight</summary>
    Diffusers,

    /// <summary>blocks.0.attn1.to_q.lora.down.weight, as older ones.</summary>
    OldDiffusers,

    /// <summary>lora_unet_blocks_0_self_attn_q.lora_down.weight and .alpha</summary>
    Kohya,

    /// <summary>lora_unet_blocks_0_attn1_to_q.lora_down.weight and .alpha</summary>
    KohyaOfDiffusers,

    /// <summary>diffusion_model.blocks.0.self_attn.q.lora_A.weight</summary>
    Comfy,

    /// <summary>diffusion_model.blocks.0.self_attn.q.lora_down.weight and .alpha</summary>
    ComfyDown,

    /// <summary>base_model.model.blocks.0.self_attn.q.lora_A.default.weight</summary>
    Peft,

    /// <summary>blocks.0.self_attn.q.lora_A.weight</summary>
    Bare,
}

/// <summary>Makes LoRAs of known effect.</summary>
internal static class LoraFiles
{
    // The layers of a network in its own words and in diffusers'.
    private static readonly (string Own, string Diffusers)[] Names =
    [
        ("blocks.0.self_attn.q", "blocks.0.attn1.to_q"), ("blocks.0.self_attn.o", "blocks.0.attn1.to_out.0"),
        ("blocks.1.cross_attn.k", "blocks.1.attn2.to_k"), ("blocks.1.cross_attn.v", "blocks.1.attn2.to_v"),
        ("blocks.2.ffn.0", "blocks.2.ffn.net.0.proj"), ("blocks.0.ffn.2", "blocks.0.ffn.net.2"),
        ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
        ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
        ("time_projection.1", "condition_embedder.time_proj"), ("patch_embedding", "patch_embedding"), ("head.head", "proj_out"),
    ];

    public static int Layers => Names.Length;

    /// <summary>Writes one LoRA of all kinds of layers, and gives what it adds to each weight at strength 1.</summary>
    /// <param name="path">The file.</param>
    /// <param name="spelling">How its tensors are named.</param>
    /// <param name="shapes">Every weight of the network.</param>
    /// <param name="seed">Of its numbers.</param>
    /// <param name="size">How far it goes. Default 0.3.</param>
    public static Dictionary<string, Tensor> Write(
        string path, LoraSpellings spelling, IReadOnlyDictionary<string, long[]> shapes, ulong seed = 11, double size = 0.3)
    {
        var tensors = new List<KeyValuePair<string, Tensor>>();
        var differences = new Dictionary<string, Tensor>();
        using var generator = new Generator(seed);
        foreach (var (own, diffusers) in Names)
        {
            var shape = shapes[$"{own}.weight"];
            var rank = 2 + differences.Count % 3;
            var hasAlpha = spelling is LoraSpellings.Kohya or LoraSpellings.KohyaOfDiffusers or LoraSpellings.ComfyDown;
            var alpha = hasAlpha ? 1.5 : rank;
            var inputs = shape.Skip(1).Aggregate(1L, (a, b) => a * b);
            var down = randn([rank, inputs], generator: generator).mul(Scalars.Of(size / Math.Sqrt(inputs)));
            var up = randn([shape[0], rank], generator: generator);
            differences[$"{own}.weight"] = up.matmul(down).mul(Scalars.Of(alpha / rank)).view(shape);
            var (layer, first, second) = Spelled(spelling, own, diffusers);
            tensors.Add(new($"{layer}{first}", shape.Length == 2 ? down : down.view([rank, .. shape[1..]])));
            tensors.Add(new($"{layer}{second}", shape.Length == 2 ? up : up.view([shape[0], rank, .. shape[2..].Select(_ => 1L)])));
            if (hasAlpha)
                tensors.Add(new($"{layer}.alpha", tensor((float)alpha)));
        }
        SafetensorsWriter.Write(path, tensors);
        return differences;
    }

    private static (string Layer, string Down, string Up) Spelled(LoraSpellings spelling, string own, string diffusers) => spelling switch
    {
        LoraSpellings.Diffusers => ($"transformer.{diffusers}", ".lora_A.weight", ".lora_B.weight"),
        LoraSpellings.OldDiffusers => (diffusers, ".lora.down.weight", ".lora.up.weight"),
        LoraSpellings.Kohya => ($"lora_unet_{own.Replace('.', '_')}", ".lora_down.weight", ".lora_up.weight"),
        LoraSpellings.KohyaOfDiffusers => ($"lora_unet_{diffusers.Replace('.', '_')}", ".lora_down.weight", ".lora_up.weight"),
        LoraSpellings.Comfy => ($"diffusion_model.{own}", ".lora_A.weight", ".lora_B.weight"),
        LoraSpellings.ComfyDown => ($"diffusion_model.{own}", ".lora_down.weight", ".lora_up.weight"),
        LoraSpellings.Peft => ($"base_model.model.{own}", ".lora_A.default.weight", ".lora_B.default.weight"),
        _ => (own, ".lora_A.weight", ".lora_B.weight"),
    };
}
