using System.Text.Json;

namespace StreamDiff.Models.Weights;

/// <summary>
/// A checkpoint in several safetensors files, listed by an index (<c>*.safetensors.index.json</c>: weight_map from tensor name to file
/// name).
/// </summary>
public sealed class ShardedSafetensors : CheckpointFile
{
    private const long LongestIndex = 64 << 20;

    private ShardedSafetensors(
        string path, MappedFile[] files, OrderedDictionary<string, MappedTensor> tensors) : base(path, files, tensors)
    {
    }

    /// <summary>Opens the index and all the files that it names.</summary>
    /// <param name="path">The index; the files lie beside it.</param>
    /// <param name="rule">What to remove from names; default nothing.</param>
    /// <exception cref="ModelException">The index or a file is missing or damaged, names a file elsewhere, or disagrees with what the files
    /// hold.</exception>
    public static new ShardedSafetensors Open(string path, StateDictRule? rule = null)
    {
        var map = ReadIndex(path);
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        var shards = map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        CheckPresent(path, folder, shards);

        var files = new List<MappedFile>();
        try
        {
            var tensors = new OrderedDictionary<string, MappedTensor>(StringComparer.Ordinal);
            foreach (var shard in shards)
            {
                files.Add(MappedFile.Open(System.IO.Path.Combine(folder, shard)));
                Merge(path, map, shard, SafetensorsHeader.Read(files[^1]), tensors);
            }
            if (tensors.Count < map.Count)
                throw new ModelException(
                    $"{path} names tensors that their files do not hold: {Printable.List(map.Keys.Where(n => !tensors.ContainsKey(n)))}");
            return new ShardedSafetensors(path, [.. files], (rule ?? StateDictRule.AsStored).Rename(path, tensors));
        }
        catch
        {
            files.ForEach(f => f.Dispose());
            throw;
        }
    }

    private static void Merge(
        string path, Dictionary<string, string> map, string shard, SafetensorsHeader header,
        OrderedDictionary<string, MappedTensor> tensors)
    {
        foreach (var (name, tensor) in header.Tensors)
        {
            if (!map.TryGetValue(name, out var owner) || owner != shard)
                throw new ModelException(
                    $"{path} does not say that {shard} holds '{Printable.Of(name)}': the files do not belong together, download them "
                        + "again");
            tensors.Add(name, tensor);
        }
    }

    private static void CheckPresent(string path, string folder, List<string> shards)
    {
        // An index comes from elsewhere: it may name the files beside it and no others.
        if (shards.Find(s => s.Length == 0 || s is "." or ".." || s.AsSpan().ContainsAny('/', '\\', '\0')) is { } outside)
            throw new ModelException($"{path} is refused: it names the file '{Printable.Of(outside)}', which does not lie beside it");
        var missing = shards.Where(s => !File.Exists(System.IO.Path.Combine(folder, s))).ToList();
        if (missing.Count > 0)
            throw new ModelException(
                $"{path} needs {missing.Count} of {shards.Count} files that are missing beside it: {Printable.List(missing)}; download "
                    + "them");
    }

    private static Dictionary<string, string> ReadIndex(string path)
    {
        using var file = MappedFile.Open(path);
        if (file.Length > LongestIndex)
            throw new ModelException($"{path} is not an index of safetensors: it has {file.Length} bytes, {LongestIndex} are allowed");
        try
        {
            var reader = new Utf8JsonReader(file.Bytes(0, (int)file.Length));
            using var document = JsonDocument.ParseValue(ref reader);
            var map = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var item in document.RootElement.GetProperty("weight_map").EnumerateObject())
                map[item.Name] = item.Value.GetString() ?? "";
            return map;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ModelException($"{path} is not an index of safetensors: it has no weight_map from tensor names to file names", e);
        }
    }
}
