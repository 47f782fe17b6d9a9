using System.Text.Json;

namespace StreamDiff.Pipeline.Verification;

/// <summary>Facts of a case that may be left out or null where they say nothing.</summary>
internal static class CaseFacts
{
    /// <summary>A number; null where it is absent or null.</summary>
    public static double? Number(this JsonElement facts, string name) =>
        facts.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>A whole number, also one that is written like 6.0; null where it is absent or null.</summary>
    /// <exception cref="JsonException">It has a fraction.</exception>
    public static int? Whole(this JsonElement facts, string name) =>
        facts.Number(name) is not { } value
            ? null
            : value == (int)value ? (int)value : throw new JsonException($"{name} must be a whole number, not {value}");

    /// <summary>A whole number that the case must have.</summary>
    /// <exception cref="JsonException">It has not.</exception>
    public static int Needs(this JsonElement facts, string name) =>
        facts.Whole(name) ?? throw new JsonException($"case.json has no {name}");
}
