using System.Globalization;
using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Loras;

/// <summary>One LoRA file with what of it fits a network. Opening it reads its table of contents only.</summary>
public sealed class Lora : IDisposable
{
    // Names longer than any network's are not looked into.
    private const int LongestName = 512;
    private const int MostNamed = 6;

    private readonly SafetensorsFile _file;
    private readonly LoraMetadata _metadata;
    private readonly Dictionary<string, List<LoraTerm>> _terms = new(StringComparer.Ordinal);
    private readonly List<string> _unknown = [];
    private readonly List<string> _misfits = [];
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Tensor, string Device), Tensor> _kept = [];

    private Lora(LoraChoice choice, SafetensorsFile file, LoraMetadata metadata) => (Choice, _file, _metadata) = (choice, file, metadata);

    /// <summary>As it was asked for.</summary>
    public LoraChoice Choice { get; }

    public string Name => Choice.Name;

    /// <summary>Layers of the network that it changes.</summary>
    public int Layers => _terms.Keys.Select(LoraSpelling.LayerOf).Distinct().Count();

    /// <summary>Layers of the network.</summary>
    public int LayersOfModel { get; private set; }

    /// <summary>Smallest and largest rank; (0, 0) where it has whole differences only.</summary>
    public (long Least, long Most) Rank =>
        LowRanks.Select(t => t.Rank).DefaultIfEmpty(0).ToArray() is var ranks ? (ranks.Min(), ranks.Max()) : default;

    /// <summary>Tensors of a text encoder, which have no effect.</summary>
    public int TextTensors { get; private set; }

    /// <summary>What it is and does, in one line.</summary>
    public string Summary
    {
        get
        {
            var (least, most) = Rank;
            var rank = most == 0 ? "whole differences" : least == most ? $"rank {least}" : $"ranks {least} to {most}";
            return $"{Name}: {Layers} of {LayersOfModel} layers, {rank}, strength {Number(Choice.Strength)}";
        }
    }

    /// <summary>What has no effect, a line each.</summary>
    public IEnumerable<string> Troubles
    {
        get
        {
            if (TextTensors > 0)
                yield return $"{Choice.Path}: {TextTensors} tensors of a text encoder are ignored: LoRAs change the transformer only";
            if (_unknown.Count > 0)
                yield return $"{Choice.Path}: {_unknown.Count} tensors match no layer and have no effect: "
                    + Printable.List(_unknown, MostNamed);
            if (_misfits.Count > 0)
                yield return $"{Choice.Path}: {_misfits.Count} layers do not fit and stay as they are: "
                    + Misfits(MostNamed);
        }
    }

    /// <summary>Every weight that it changes, in the network's order, and how.</summary>
    public IEnumerable<(string Weight, string How)> Applied => _terms.Select(t => (t.Key, string.Join(" + ", t.Value.Select(Describe))));

    private IEnumerable<LoraTerm.LowRank> LowRanks => _terms.Values.SelectMany(t => t).OfType<LoraTerm.LowRank>();

    /// <summary>Opens a file and finds the layers that it changes.</summary>
    /// <param name="choice">The file.</param>
    /// <param name="shapes">Every weight of the network with its shape.</param>
    /// <exception cref="ModelException">It is missing, damaged, no LoRA, or changes nothing of the network.</exception>
    public static Lora Open(LoraChoice choice, IReadOnlyDictionary<string, long[]> shapes)
    {
        SafetensorsFile file;
        try
        {
            file = SafetensorsFile.Open(choice.Path);
        }
        catch (ModelException e)
        {
            throw new ModelException($"lora {e.Message}", e);
        }
        try
        {
            var lora = new Lora(choice, file, new LoraMetadata($"lora {choice.Path}", file.Metadata));
            lora.Match(shapes);
            return lora;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>True where it changes a weight.</summary>
    public bool Touches(string weight) => _terms.ContainsKey(weight);

    /// <summary>Adds what it changes of a weight, times its strength.</summary>
    /// <param name="sum">float32 of the weight's shape, contiguous; changed.</param>
    /// <param name="weight">The weight's name.</param>
    /// <param name="strength">Factor, not 0.</param>
    /// <param name="keeps">True keeps its tensors on the device until this is disposed, for the next time.</param>
    internal void AddTo(Tensor sum, string weight, double strength, bool keeps)
    {
        using var scope = NewDisposeScope();
        foreach (var term in _terms[weight])
            switch (term)
            {
                case LoraTerm.Difference difference:
                    sum.add_(Read(difference.Tensor, sum.device, keeps).view(sum.shape), Scalars.Of(strength));
                    break;
                case LoraTerm.LowRank low:
                    var up = Read(low.Up, sum.device, keeps).view(sum.size(0), low.Rank).mul(Scalars.Of(strength * FactorOf(low)));
                    Ops.Multiply(sum.view(sum.size(0), -1), up, Read(low.Down, sum.device, keeps).view(low.Rank, -1), adds: true);
                    break;
            }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            foreach (var tensor in _kept.Values)
                tensor.Dispose();
            _kept.Clear();
        }
        _file.Dispose();
    }

    // In float32, whatever it is stored in: the caller's scope has it.
    private Tensor Read(string name, Device device, bool keeps)
    {
        var (shape, stored) = (_file.ShapeOf(name)!, _file.TypeOf(name)!.Value);
        if (!keeps)
            return _file.Read(name, shape, device, ScalarType.Float32);
        Tensor kept;
        lock (_gate)
            if (!_kept.TryGetValue((name, device.ToString()), out kept!))
                _kept[(name, device.ToString())] = kept = _file.Read(name, shape, device, stored).DetachFromDisposeScope();
        return stored == ScalarType.Float32 ? kept.alias() : kept.to_type(ScalarType.Float32);
    }

    private double FactorOf(LoraTerm.LowRank term)
    {
        if (term.Alpha is null)
            return (term.OwnAlpha ?? term.Rank) / (term.OwnAlpha is null ? term.Rank : term.Divisor);
        using var stored = _file.Read(term.Alpha, _file.ShapeOf(term.Alpha)!, CPU, ScalarType.Float32);
        var alpha = (double)stored.item<float>();
        return double.IsFinite(alpha)
            ? alpha / term.Divisor
            : throw new ModelException($"lora {Choice.Path}: {Printable.Of(term.Alpha)} is no number");
    }

    private void Match(IReadOnlyDictionary<string, long[]> shapes)
    {
        var spelling = new LoraSpelling(shapes.Keys);
        LayersOfModel = spelling.Layers;
        var layers = new OrderedDictionary<string, Spelled>(StringComparer.Ordinal);
        foreach (var name in _file.Names)
        {
            if (name.Length > LongestName || LoraSpelling.Split(name) is not var (spelled, part))
            {
                if (LoraSpelling.IsOfText(name))
                    TextTensors++;
                else
                    _unknown.Add(name);
                continue;
            }
            if (part == LoraPart.Other)
                throw new ModelException(
                    $"lora {Choice.Path} holds {Printable.Of(name)}, which is of LoHa, LoKr, DoRA or the like: only sums of low-rank "
                    + "products (lora_A and lora_B, lora_down and lora_up) and differences (diff, diff_b) can be applied");
            if (!layers.TryGetValue(spelled, out var parts))
                layers[spelled] = parts = new Spelled(spelling.Find(spelled));
            if (!parts.Names.TryAdd(part, name))
                throw new ModelException($"lora {Choice.Path} holds both {Printable.Of(parts.Names[part])} and {Printable.Of(name)}");
        }
        foreach (var (spelled, parts) in layers)
            if (parts.Layer is not null)
                Take(spelled, parts, shapes);
            else if (LoraSpelling.IsOfText(spelled))
                TextTensors += parts.Names.Count;
            else
                _unknown.AddRange(parts.Names.Values);
        if (_terms.Count == 0)
            throw new ModelException(WhyNothing());
        InOrder(shapes.Keys);
    }

    private void Take(string spelled, Spelled parts, IReadOnlyDictionary<string, long[]> shapes)
    {
        var layer = parts.Layer!;
        var weight = shapes.ContainsKey(layer) ? layer : $"{layer}.weight";
        if (parts.Names.TryGetValue(LoraPart.Down, out var down) | parts.Names.TryGetValue(LoraPart.Up, out var up))
            TakeLowRank(spelled, weight, down, up, parts.Names.GetValueOrDefault(LoraPart.Alpha), shapes);
        else if (parts.Names.TryGetValue(LoraPart.Alpha, out var alpha))
            _unknown.Add(alpha);
        TakeDifference(LoraPart.Weight, weight);
        TakeDifference(LoraPart.Bias, $"{layer}.bias");

        void TakeDifference(LoraPart part, string target)
        {
            if (!parts.Names.TryGetValue(part, out var name))
                return;
            var shape = _file.ShapeOf(name)!;
            if (!shapes.TryGetValue(target, out var wanted))
                _unknown.Add(name);
            else if (IsReal(name) && Trimmed(shape).SequenceEqual(Trimmed(wanted)))
                Add(new LoraTerm.Difference(target, name));
            else
                _misfits.Add($"{Shown(name)} for {target} [{string.Join(", ", wanted)}]");
        }
    }

    private void TakeLowRank(
        string spelled, string weight, string? down, string? up, string? alpha, IReadOnlyDictionary<string, long[]> shapes)
    {
        if (!shapes.TryGetValue(weight, out var wanted) || wanted.Length < 2)
        {
            _unknown.AddRange(new[] { down, up, alpha }.OfType<string>());
            return;
        }
        if (down is null || up is null)
        {
            _misfits.Add($"{Printable.Of(down ?? up)} without its {(down is null ? "lora_A or lora_down" : "lora_B or lora_up")}");
            return;
        }
        var (first, second) = (_file.ShapeOf(down)!, _file.ShapeOf(up)!);
        var inputs = wanted.Skip(1).Aggregate(1L, (a, b) => a * b);
        // Convolutions keep their kernel in the first one: [rank, in, 1, 2, 2] and [out, rank, 1, 1, 1].
        var fits = first.Length >= 2 && second.Length >= 2 && first[0] >= 1 && second[0] == wanted[0] && second[1] == first[0]
            && first.Skip(1).Aggregate(1L, (a, b) => a * b) == inputs && second.Skip(2).All(d => d == 1) && IsReal(down) && IsReal(up)
            && (alpha is null || _file.ShapeOf(alpha)!.All(d => d == 1));
        if (!fits)
            _misfits.Add($"{Shown(down)} and {Shown(up)} for {weight} [{string.Join(", ", wanted)}]");
        else
            Add(new LoraTerm.LowRank(
                weight, down, up, first[0], alpha, _metadata.AlphaOf(spelled), alpha is null ? _metadata.Divisor(first[0]) : first[0]));
    }

    private void Add(LoraTerm term)
    {
        if (!_terms.TryGetValue(term.Weight, out var terms))
            _terms[term.Weight] = terms = [];
        // A layer in two spellings is meant once, or nobody knows how.
        if (terms.Exists(t => t.GetType() == term.GetType()))
            throw new ModelException($"lora {Choice.Path} changes {term.Weight} twice, under two spellings");
        terms.Add(term);
    }

    private void InOrder(IEnumerable<string> weights)
    {
        var terms = weights.Where(_terms.ContainsKey).Select(w => (w, _terms[w])).ToList();
        _terms.Clear();
        foreach (var (weight, own) in terms)
            _terms.Add(weight, own);
    }

    private string WhyNothing()
    {
        if (_misfits.Count > 0)
            return $"lora {Choice.Path} is of another model: no layer fits, such as {Misfits(2)}";
        if (_unknown.Count > 0)
            return $"lora {Choice.Path} matches no layer of the model: it holds {Printable.List(_unknown, MostNamed)}";
        return TextTensors > 0
            ? $"lora {Choice.Path} changes a text encoder only: LoRAs change the transformer"
            : $"lora {Choice.Path} holds no tensors";
    }

    // Each is made of names that are printable already.
    private string Misfits(int most) =>
        string.Join(", ", _misfits.Take(most)) + (_misfits.Count > most ? $" and {_misfits.Count - most} more" : "");

    private bool IsReal(string name) => _file.TypeOf(name) is { } type && ElementTypes.IsFloat(type);

    private string Shown(string name) =>
        $"{Printable.Of(name)} [{Printable.List(_file.ShapeOf(name)!.Select(d => $"{d}"))}]"
        + (IsReal(name) ? "" : $" of {ElementTypes.Name(_file.TypeOf(name)!.Value)}");

    private static IEnumerable<long> Trimmed(long[] shape) => shape.SkipWhile(d => d == 1);

    private string Describe(LoraTerm term) => term is LoraTerm.LowRank low
        ? $"rank {low.Rank}" + (low.Alpha is not null ? $" with {Printable.Of(low.Alpha)}"
            : low.OwnAlpha is { } alpha ? $", alpha {Number(alpha)}" : "")
        : "difference";

    private static string Number(double value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed record Spelled(string? Layer)
    {
        public Dictionary<LoraPart, string> Names { get; } = [];
    }
}
