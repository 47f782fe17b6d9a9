using System.Security.Cryptography;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Loras;

/// <summary>
/// The LoRAs of one network. A weight with them is always base + sum of strength * (alpha / rank) * up @ down, computed in float32 from the
/// base in the network's type and rounded to it once: the same bits whether it is merged while loading or brought to a strength while a
/// stream runs, and the base's own bits where all strengths are 0. May be used from several threads.
/// </summary>
public sealed class LoraSet : IDisposable
{
    private const int MostLoras = 32;

    private readonly List<Lora> _loras = [];

    private LoraSet(bool isLive) => IsLive = isLive;

    /// <summary>In the order in which they were given, which is the order of the sum.</summary>
    public IReadOnlyList<Lora> Loras => _loras;

    /// <summary>True where strengths may change after loading: the network keeps the base of what they touch.</summary>
    public bool IsLive { get; }

    /// <summary>As they were asked for.</summary>
    public LoraStrengths Strengths => new(_loras.Select(l => (l.Name, l.Choice.Strength)));

    /// <summary>Opens files and finds the layers that they change.</summary>
    /// <param name="choices">The files, one at least.</param>
    /// <param name="shapes">Every weight of the network with its shape.</param>
    /// <param name="isLive">See <see cref="IsLive"/>.</param>
    /// <exception cref="ModelException">One of them cannot be used; see <see cref="Lora.Open"/>.</exception>
    public static LoraSet Open(IReadOnlyList<LoraChoice> choices, IReadOnlyDictionary<string, long[]> shapes, bool isLive)
    {
        if (Problem(choices) is { } problem)
            throw new ModelException(problem);
        var set = new LoraSet(isLive);
        try
        {
            foreach (var choice in choices)
                set._loras.Add(Lora.Open(choice, shapes));
            return set;
        }
        catch
        {
            set.Dispose();
            throw;
        }
    }

    /// <summary>What is wrong with a list before any file is looked at; null where nothing is.</summary>
    public static string? Problem(IReadOnlyList<LoraChoice> choices) =>
        choices.Count > MostLoras ? $"lora: {choices.Count} files are more than {MostLoras}"
        : choices.GroupBy(c => c.Name).FirstOrDefault(g => g.Count() > 1) is { } same
            ? $"lora: {string.Join(" and ", same.Select(c => c.Path))} have one name, {same.Key}: give one of the files another"
            : null;

    /// <summary>SHA-256 of a LoRA's file.</summary>
    /// <exception cref="ModelException">It cannot be read.</exception>
    public static string DigestOf(LoraChoice choice)
    {
        try
        {
            using var file = File.OpenRead(choice.Path);
            return Convert.ToHexStringLower(SHA256.HashData(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"lora {choice.Path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>True where one of them changes a weight.</summary>
    public bool Touches(string weight) => _loras.Exists(l => l.Touches(weight));

    /// <summary>True where a weight is another one with other strengths.</summary>
    internal bool Differs(string weight, LoraStrengths one, LoraStrengths other)
    {
        for (var i = 0; i < _loras.Count; i++)
            if (one[i] != other[i] && _loras[i].Touches(weight))
                return true;
        return false;
    }

    /// <summary>Makes a weight what it is with the LoRAs.</summary>
    /// <param name="weight">Overwritten in place.</param>
    /// <param name="original">The weight without them, of the same type; may be the same tensor.</param>
    /// <param name="name">The weight's name.</param>
    /// <param name="strengths">Of all of them.</param>
    internal void Apply(Tensor weight, Tensor original, string name, LoraStrengths strengths)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        Tensor? sum = null;
        for (var i = 0; i < _loras.Count; i++)
            if (strengths[i] != 0 && _loras[i].Touches(name))
            {
                sum ??= original.contiguous().to(ScalarType.Float32, original.device, copy: true);
                _loras[i].AddTo(sum, name, strengths[i], IsLive);
            }
        if (sum is not null)
            weight.copy_(sum);
        else if (!ReferenceEquals(weight, original))
            weight.copy_(original);
    }

    public void Dispose()
    {
        foreach (var lora in _loras)
            lora.Dispose();
    }
}
