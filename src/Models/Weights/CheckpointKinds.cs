namespace StreamDiff.Models.Weights;

internal enum CheckpointKind
{
    Safetensors,
    Index,
    Torch,
}

/// <summary>Tells checkpoints apart. Content comes before names: users rename files.</summary>
internal static class CheckpointKinds
{
    private const string IndexEnding = ".index.json";

    /// <summary>The one checkpoint of a folder; an index comes before the files it lists.</summary>
    /// <exception cref="ModelException">The folder holds none, or it is unclear which one is meant.</exception>
    public static string FindIn(string folder)
    {
        foreach (var ending in (string[])[".safetensors" + IndexEnding, ".safetensors", ".pt", ".pth"])
        {
            var found = FilesOf(folder).Where(f => f.EndsWith(ending, StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal)
                .ToList();
            if (found.Count == 1)
                return found[0];
            if (found.Count > 1)
                throw new ModelException(
                    $"{folder} holds several checkpoints: give one of {Printable.List(found.Select(f => Path.GetFileName(f)!))}");
        }
        throw new ModelException($"{folder} is a folder without a checkpoint (*.safetensors, *.pt, *.pth): give a checkpoint file");
    }

    private static string[] FilesOf(string folder)
    {
        try
        {
            return Directory.GetFiles(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{folder} cannot be read: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    /// <summary>What a file is.</summary>
    /// <exception cref="ModelException">Nothing that can be read.</exception>
    public static CheckpointKind Of(string path)
    {
        using var file = MappedFile.Open(path);
        var head = file.Bytes(0, (int)Math.Min(file.Length, 16));
        // A header length of under 4 GB, then the JSON's brace. First, because the length may look like any other format's magic number.
        if (head is [_, _, _, _, 0, 0, 0, 0, (byte)'{', ..])
            return CheckpointKind.Safetensors;
        if (head.StartsWith("PK\u0003\u0004"u8))
            return CheckpointKind.Torch;
        // A pickle that starts with the magic number of torch.save before 1.6, and a pickle without any archive.
        if (head is [0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, ..])
            throw new ModelException(
                $"{path} has the format of torch.save before 1.6, which cannot be mapped: save it again with torch >= 1.6");
        if (head is [0x80, >= 2 and <= 5, ..])
            throw new ModelException($"{path} is a bare pickle and not a checkpoint of torch.save: save it again with torch >= 1.6");
        if (path.EndsWith(IndexEnding, StringComparison.OrdinalIgnoreCase))
            return CheckpointKind.Index;
        // It wants to be one of these and is told below what is wrong with it.
        if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
            return CheckpointKind.Safetensors;
        if (path.EndsWith(".pt", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".pth", StringComparison.OrdinalIgnoreCase))
            throw new ModelException($"{path} is not a torch checkpoint: it does not start like a zip archive, download it again");
        throw new ModelException($"{path} is not a checkpoint: known are safetensors, their index.json, and .pt or .pth of torch >= 1.6");
    }
}
