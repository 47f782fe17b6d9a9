using System.Text.Json;

namespace StreamDiff.Fleet.Grains;

/// <summary>What a grain remembers: one text, so that every storage keeps it alike.</summary>
public sealed class Kept
{
    /// <summary>JSON; null where there is nothing.</summary>
    public string? Json { get; set; }

    internal T? Read<T>()
        where T : class => Json is null ? null : JsonSerializer.Deserialize<T>(Json);

    internal void Write<T>(T value) => Json = JsonSerializer.Serialize(value);
}
