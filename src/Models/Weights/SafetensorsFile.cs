namespace StreamDiff.Models.Weights;

/// <summary>
/// One safetensors file: 8 bytes header length, a JSON header of names, types, shapes and offsets, then the tensors
/// (huggingface/safetensors, "Format").
/// </summary>
public sealed class SafetensorsFile : CheckpointFile
{
    private SafetensorsFile(MappedFile file, SafetensorsHeader header, StateDictRule rule)
        : base(file.Path, [file], rule.Rename(file.Path, header.Tensors)) => Metadata = header.Metadata;

    /// <summary>The header's <c>__metadata__</c>; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its whole header.</summary>
    /// <param name="path">A .safetensors file.</param>
    /// <param name="rule">What to remove from names; default nothing.</param>
    /// <exception cref="ModelException">Missing, cut short, damaged or not a safetensors file.</exception>
    public static new SafetensorsFile Open(string path, StateDictRule? rule = null)
    {
        var file = MappedFile.Open(path);
        try
        {
            return new SafetensorsFile(file, SafetensorsHeader.Read(file), rule ?? StateDictRule.AsStored);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
