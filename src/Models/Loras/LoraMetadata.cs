using System.Text.Json;

namespace StreamDiff.Models.Loras;

/// <summary>
/// What diffusers writes of PEFT's configuration into a file's header, where alpha does not stand beside each layer: one alpha for all,
/// others by the ends of layers' names, and whether it is divided by the rank or its root.
/// </summary>
internal sealed class LoraMetadata
{
    private const string Key = "lora_adapter_metadata";

    private readonly double? _alpha;
    private readonly Dictionary<string, double> _byLayer = new(StringComparer.Ordinal);
    private readonly bool _dividesByRoot;

    /// <param name="path">For messages.</param>
    /// <param name="header">The header's texts.</param>
    /// <exception cref="ModelException">It is of DoRA.</exception>
    public LoraMetadata(string path, IReadOnlyDictionary<string, string> header)
    {
        if (!header.TryGetValue(Key, out var text))
            return;
        try
        {
            using var document = JsonDocument.Parse(text);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return;
            foreach (var entry in document.RootElement.EnumerateObject())
                switch (entry.Name.StartsWith("transformer.", StringComparison.Ordinal) ? entry.Name["transformer.".Length..] : entry.Name)
                {
                    case "lora_alpha" when Number(entry.Value) is { } alpha:
                        _alpha = alpha;
                        break;
                    case "use_rslora":
                        _dividesByRoot = entry.Value.ValueKind == JsonValueKind.True;
                        break;
                    case "use_dora" when entry.Value.ValueKind == JsonValueKind.True:
                        throw new ModelException($"{path} is a DoRA: only LoRAs can be applied, which are sums of low-rank products");
                    case "alpha_pattern" when entry.Value.ValueKind == JsonValueKind.Object:
                        foreach (var layer in entry.Value.EnumerateObject())
                            if (Number(layer.Value) is { } own)
                                _byLayer[layer.Name] = own;
                        break;
                }
        }
        catch (JsonException)
        {
            // Nobody needs it: the files of other tools have none.
        }
    }

    /// <summary>Alpha of a layer; null where it is its rank.</summary>
    /// <param name="layer">As the file spells it.</param>
    public double? AlphaOf(string layer)
    {
        foreach (var (end, alpha) in _byLayer)
            if (layer.EndsWith(end, StringComparison.Ordinal) && (layer.Length == end.Length || layer[^(end.Length + 1)] == '.'))
                return alpha;
        return _alpha;
    }

    /// <summary>By what alpha is divided.</summary>
    public double Divisor(long rank) => _dividesByRoot ? Math.Sqrt(rank) : rank;

    private static double? Number(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : null;
}
