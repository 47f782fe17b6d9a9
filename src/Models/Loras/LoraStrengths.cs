using System.Globalization;

namespace StreamDiff.Models.Loras;

/// <summary>How strongly each LoRA of a model is applied, in the model's order. Equals another one with the same numbers.</summary>
public sealed class LoraStrengths : IEquatable<LoraStrengths>
{
    private readonly (string Name, double Strength)[] _entries;

    /// <param name="entries">Unique names, and the strength of each.</param>
    public LoraStrengths(IEnumerable<(string Name, double Strength)> entries) => _entries = [.. entries];

    /// <summary>In the model's order.</summary>
    public IReadOnlyList<(string Name, double Strength)> Entries => _entries;

    public int Count => _entries.Length;

    /// <summary>Factor of one of them.</summary>
    public double this[int lora] => _entries[lora].Strength;

    /// <summary>The same with another strength of one of them; unchanged where none has that name.</summary>
    public LoraStrengths With(string name, double strength) =>
        new(_entries.Select(e => e.Name == name ? (e.Name, strength) : e));

    /// <summary>The same LoRAs with other strengths.</summary>
    /// <exception cref="ArgumentException">There are more or fewer of them.</exception>
    public LoraStrengths With(IReadOnlyList<double> strengths) => strengths.Count == _entries.Length
        ? new(_entries.Select((e, i) => (e.Name, strengths[i])))
        : throw new ArgumentException($"{strengths.Count} strengths for {_entries.Length} LoRAs", nameof(strengths));

    public bool Equals(LoraStrengths? other) => other is not null && _entries.AsSpan().SequenceEqual(other._entries);

    public override bool Equals(object? obj) => Equals(obj as LoraStrengths);

    public override int GetHashCode() => _entries.Aggregate(0, HashCode.Combine);

    public override string ToString() =>
        string.Join(", ", _entries.Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Name} {e.Strength}")));
}
