using System.Text.RegularExpressions;

namespace StreamDiff.Models.Loras;

/// <summary>What a tensor of a LoRA file is to its layer.</summary>
internal enum LoraPart
{
    /// <summary>[rank, in]: lora_A, lora_down.</summary>
    Down,

    /// <summary>[out, rank]: lora_B, lora_up.</summary>
    Up,

    /// <summary>One number, divided by the rank the factor of the product.</summary>
    Alpha,

    /// <summary>The whole difference of the weight.</summary>
    Weight,

    /// <summary>The whole difference of the bias.</summary>
    Bias,

    /// <summary>Of a method that is no sum of low-rank products and differences: LoHa, LoKr, DoRA, OFT, Tucker's middle.</summary>
    Other,
}

/// <summary>
/// Reads the names of a LoRA's tensors as public files spell them: a prefix, a layer and a part. Prefixes and parts are those of PEFT,
/// diffusers, kohya's scripts, ComfyUI and the tools around them; layers are in the network's own words, in diffusers', or in either with
/// every dot an underscore.
/// </summary>
internal sealed partial class LoraSpelling
{
    private const string Modulation = ".modulation";

    private static readonly string[] Prefixes =
    [
        "base_model.model.", "diffusion_model.", "transformer.", "model.", "module.", "unet.", "dit.", "pipe.", "lora_unet_",
        "lora_transformer_", "lora_dit_", "lycoris_",
    ];

    private static readonly string[] TextPrefixes =
    [
        "lora_te", "text_encoder", "text_model.", "te.", "te1.", "te2.", "conditioner.", "cond_stage_model.", "clip.", "t5",
    ];

    private static readonly string[] OtherParts =
        [".hada_", ".lokr_", ".dora_scale", ".lora_magnitude_vector", ".lora_mid", ".oft_", ".glora"];

    private readonly Dictionary<string, string> _layers = new(StringComparer.Ordinal);

    /// <param name="weights">Names of the network's weights.</param>
    public LoraSpelling(IEnumerable<string> weights)
    {
        foreach (var layer in weights.Select(LayerOf).Distinct())
            foreach (var name in (string[])[layer, InDiffusers(layer)])
            {
                _layers.TryAdd(name, layer);
                _layers.TryAdd(name.Replace('.', '_'), layer);
                if (name.EndsWith(Modulation, StringComparison.Ordinal))
                    _layers.TryAdd(name[..^Modulation.Length].Replace('.', '_') + Modulation, layer);
            }
    }

    /// <summary>Number of layers of the network, by whose weights and biases LoRAs are counted.</summary>
    public int Layers => _layers.Values.Distinct().Count();

    /// <summary>A weight's layer: blocks.0.ffn.0 for blocks.0.ffn.0.weight.</summary>
    public static string LayerOf(string weight) =>
        weight.EndsWith(".weight", StringComparison.Ordinal) ? weight[..^".weight".Length]
        : weight.EndsWith(".bias", StringComparison.Ordinal) ? weight[..^".bias".Length]
        : weight;

    /// <summary>True for a tensor of a text encoder.</summary>
    public static bool IsOfText(string name) => Array.Exists(TextPrefixes, p => name.StartsWith(p, StringComparison.Ordinal));

    /// <summary>A tensor's layer as it is spelled and its part; null where it is no part of a LoRA.</summary>
    public static (string Layer, LoraPart Part)? Split(string name)
    {
        if (Array.Exists(OtherParts, part => name.Contains(part, StringComparison.Ordinal)))
            return (name, LoraPart.Other);
        if (LowRank().Match(name) is { Success: true } match)
            return (match.Groups["layer"].Value, match.Groups["part"].Value is "A" or "down" ? LoraPart.Down : LoraPart.Up);
        (string End, LoraPart Part)[] ends =
        [
            (".alpha", LoraPart.Alpha), (".diff", LoraPart.Weight), (".diff_b", LoraPart.Bias),
        ];
        foreach (var (end, part) in ends)
            if (name.EndsWith(end, StringComparison.Ordinal))
                return (name[..^end.Length], part);
        // Of a block or the head, which have one modulation each.
        return name.EndsWith(".diff_m", StringComparison.Ordinal) ? (name[..^".diff_m".Length] + Modulation, LoraPart.Weight) : null;
    }

    /// <summary>The network's own name of a layer; null where it has none of that name.</summary>
    public string? Find(string spelled)
    {
        var name = spelled;
        while (true)
        {
            if (_layers.TryGetValue(name, out var layer))
                return layer;
            var prefix = Array.Find(Prefixes, p => name.StartsWith(p, StringComparison.Ordinal));
            if (prefix is null)
                return null;
            name = name[prefix.Length..];
        }
    }

    // As diffusers' WanTransformer3DModel calls the same layers.
    private static string InDiffusers(string layer)
    {
        var name = layer switch
        {
            "text_embedding.0" => "condition_embedder.text_embedder.linear_1",
            "text_embedding.2" => "condition_embedder.text_embedder.linear_2",
            "time_embedding.0" => "condition_embedder.time_embedder.linear_1",
            "time_embedding.2" => "condition_embedder.time_embedder.linear_2",
            "time_projection.1" => "condition_embedder.time_proj",
            "head.head" => "proj_out",
            "head.modulation" => "scale_shift_table",
            _ => layer,
        };
        if (!name.StartsWith("blocks.", StringComparison.Ordinal))
            return name;
        name = name.Replace(".self_attn.", ".attn1.", StringComparison.Ordinal)
            .Replace(".cross_attn.", ".attn2.", StringComparison.Ordinal);
        (string Own, string Theirs)[] ends =
        [
            (".q", ".to_q"), (".k", ".to_k"), (".v", ".to_v"), (".o", ".to_out.0"), (".ffn.0", ".ffn.net.0.proj"),
            (".ffn.2", ".ffn.net.2"), (".norm3", ".norm2"), (".modulation", ".scale_shift_table"),
        ];
        foreach (var (own, theirs) in ends)
            if (name.EndsWith(own, StringComparison.Ordinal))
                return name[..^own.Length] + theirs;
        return name;
    }

    // layer.lora_A.weight, layer.lora_A.default.weight, layer.lora_down.weight, layer.lora.down.weight, layer_lora.up.weight, layer.lora_B
    [GeneratedRegex(
        @"^(?<layer>.+?)[._]lora(?:_linear_layer)?[._](?<part>A|B|down|up)(?:\.(?!weight$|bias$)[\w-]+)?(?:\.weight)?\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex LowRank();
}
