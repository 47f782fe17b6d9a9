using StreamDiff.Models.Loras;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Conversion;

/// <summary>
/// A transformer's checkpoint as other programs save it, under the network's own names: those of Wan and ComfyUI (perhaps behind
/// <c>model.diffusion_model.</c>), and of diffusers' WanTransformer3DModel. Weights in float8 with a factor beside them
/// (<c>scale_weight</c>, <c>weight_scale</c>) are multiplied with it.
/// </summary>
internal sealed class TransformerSpelling
{
    // What quantised files of ComfyUI hold beside the weights: for activations, and marks.
    private static readonly string[] Passed = [".scale_input", ".input_scale", ".comfy_quant"];
    private static readonly string[] Factors = [".scale_weight", ".weight_scale"];
    private const string Mark = "scaled_fp8";

    private readonly CheckpointFile _file;
    private readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _factors = new(StringComparer.Ordinal);

    /// <param name="file">Stays the caller's.</param>
    /// <param name="wanted">The network's weights with their shapes.</param>
    public TransformerSpelling(CheckpointFile file, IReadOnlyDictionary<string, long[]> wanted)
    {
        _file = file;
        var spelling = new LoraSpelling(wanted.Keys);
        foreach (var spelled in file.Names)
        {
            if (spelled == Mark || spelled.EndsWith('.' + Mark, StringComparison.Ordinal)
                || Array.Exists(Passed, p => spelled.EndsWith(p, StringComparison.Ordinal)))
                continue;
            if (Array.Find(Factors, f => spelled.EndsWith(f, StringComparison.Ordinal)) is { } factor
                && spelling.Find(spelled[..^factor.Length]) is { } scaled)
            {
                _factors[scaled + ".weight"] = spelled;
                continue;
            }
            var layer = LoraSpelling.LayerOf(spelled);
            var name = spelling.Find(layer) is { } own ? own + spelled[layer.Length..] : null;
            if (name is null || !wanted.ContainsKey(name))
                Unknown.Add(spelled);
            else if (!_names.TryAdd(name, spelled))
                Twice.Add($"{_names[name]} and {spelled}");
        }
        Missing = [.. wanted.Keys.Where(n => !_names.ContainsKey(n))];
        Misshapen = [.. _names.Where(n => !file.ShapeOf(n.Value)!.AsSpan().SequenceEqual(wanted[n.Key])).Select(
            n => $"{n.Value} is [{string.Join(", ", file.ShapeOf(n.Value)!)}] instead of [{string.Join(", ", wanted[n.Key])}]")];
        NoNumbers = [.. _names.Values.Where(n => !ElementTypes.IsFloat(file.TypeOf(n)!.Value)).Select(
            n => $"{n} is {ElementTypes.Name(file.TypeOf(n)!.Value)}")];
    }

    /// <summary>Tensors that are no weights of the network.</summary>
    public List<string> Unknown { get; } = [];

    /// <summary>Two tensors that are the same weight.</summary>
    public List<string> Twice { get; } = [];

    /// <summary>Weights that the file does not hold.</summary>
    public IReadOnlyList<string> Missing { get; }

    /// <summary>Tensors of another size.</summary>
    public IReadOnlyList<string> Misshapen { get; }

    /// <summary>Tensors that are packed in some way that is not read here.</summary>
    public IReadOnlyList<string> NoNumbers { get; }

    /// <summary>Weights that were scaled.</summary>
    public int Scaled => _factors.Count;

    /// <summary>True where every weight is there, and nothing else.</summary>
    public bool Fits => Unknown.Count + Twice.Count + Missing.Count + Misshapen.Count + NoNumbers.Count == 0;

    /// <summary>Type that a weight is written in: as stored, what is scaled in bfloat16.</summary>
    public ScalarType TypeOf(string name) => _factors.ContainsKey(name) ? ScalarType.BFloat16 : _file.TypeOf(_names[name])!.Value;

    /// <summary>A weight; the caller's.</summary>
    public Tensor Read(string name)
    {
        var stored = _file.View(_names[name]);
        if (!_factors.TryGetValue(name, out var factor))
            return stored;
        using (stored)
        using (var scale = _file.View(factor))
        using (var wide = scale.to_type(ScalarType.Float32))
        using (var values = stored.to_type(ScalarType.Float32))
        {
            // One for all, or one for each row.
            using var laid = wide.numel() == 1
                ? wide.reshape(1)
                : wide.reshape([wide.numel(), .. Enumerable.Repeat(1L, (int)values.ndim - 1)]);
            using var product = values.mul(laid);
            return product.to_type(ScalarType.BFloat16);
        }
    }
}
