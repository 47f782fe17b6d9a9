using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;

namespace StreamDiff.Pipeline.Loading;

/// <summary>Tells what LoRAs do to a model.</summary>
public static class LoraReport
{
    /// <summary>A line for each LoRA, and one for each kind of thing in it that has no effect.</summary>
    public static IEnumerable<string> Summary(LoraSet loras) => loras.Loras.SelectMany(
        l => l.Troubles.Prepend($"{l.Summary}, {(loras.IsLive ? "changeable while it runs" : "merged")}").Select(line => $"lora {line}"));

    /// <summary>The same with a line for each weight that a LoRA changes. Reads tables of contents only.</summary>
    /// <param name="choices">The LoRAs.</param>
    /// <param name="isLive">True where their strengths can change.</param>
    /// <param name="model">What they are for.</param>
    /// <exception cref="Models.ModelException">One of them cannot be used.</exception>
    public static IReadOnlyList<string> ByLayer(IReadOnlyList<LoraChoice> choices, bool isLive, Model model)
    {
        if (choices.Count == 0)
            return [];
        using var loras = Open(choices, isLive, model);
        return
        [
            .. Summary(loras),
            .. loras.Loras.SelectMany(l => l.Applied.Select(a => $"lora {l.Name}: {a.Weight}: {a.How}")),
        ];
    }

    /// <summary>LoRAs matched to a model; the caller's.</summary>
    /// <exception cref="Models.ModelException">One of them cannot be used.</exception>
    public static LoraSet Open(IReadOnlyList<LoraChoice> choices, bool isLive, Model model) =>
        LoraSet.Open(choices, CausalWanModel.Shapes(ModelBundle.TransformerConfig(model.Config)), isLive);
}
