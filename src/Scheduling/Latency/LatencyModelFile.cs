using System.Text.Json;

namespace StreamDiff.Scheduling.Latency;

/// <summary>What a calibration holds for.</summary>
/// <param name="Device">Name of the processor or GPU.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="Type">float32 or bfloat16.</param>
/// <param name="Threads">Compute threads; 0 on a GPU.</param>
public sealed record LatencyModelKey(string Device, string Model, string Type, int Threads);

/// <summary>A calibration as JSON, one file for each device and model.</summary>
/// <param name="Key">What it holds for.</param>
/// <param name="Terms">The fitted terms, in seconds.</param>
/// <param name="MedianError">On shapes that the fit did not see.</param>
/// <param name="Measured">When, UTC.</param>
public sealed record LatencyModelFile(LatencyModelKey Key, LatencyTerms Terms, double MedianError, DateTime Measured)
{
    private const int LargestFile = 1 << 20;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Name of the file for a key: letters, digits and dashes.</summary>
    public static string NameOf(LatencyModelKey key) =>
        string.Concat($"{key.Model}-{key.Device}-{key.Type}-{key.Threads}".Select(c =>
            char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-')) + ".json";

    /// <summary>Writes into a folder, which is made; a reader never sees half a file.</summary>
    public string Write(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, NameOf(Key));
        File.WriteAllText(path + ".part", JsonSerializer.Serialize(this, Indented) + "\n");
        File.Move(path + ".part", path, overwrite: true);
        return path;
    }

    /// <summary>The calibration of a key; null where there is none, or one that cannot be read or is another's.</summary>
    public static LatencyModelFile? Find(string folder, LatencyModelKey key)
    {
        try
        {
            var path = Path.Combine(folder, NameOf(key));
            if (new FileInfo(path).Length > LargestFile)
                return null;
            var file = JsonSerializer.Deserialize<LatencyModelFile>(File.ReadAllText(path));
            return file?.Key == key && file.Terms.IsPossible ? file : null;
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException or InvalidOperationException
            or NotSupportedException)
        {
            return null;
        }
    }
}
