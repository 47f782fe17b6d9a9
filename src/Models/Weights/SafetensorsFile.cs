namespace StreamDiff.Models.Weights;

/// <summary>One safetensors file: 8 bytes header length, a JSON header of names, types, shapes and offsets, then the tensors (huggingface/safetensors, "Format").</summary>
public sealed class SafetensorsFile : CheckpointFile
{
    private SafetensorsFile(MappedFile file, SafetensorsHeader header)
        : base(file.Path, [file], header.Tensors) => Metadata = header.Metadata;

    /// <summary>The header's <c>__metadata__</c>; empty where there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its whole header.</summary>
    /// <exception cref="ModelException">Missing, cut short, damaged or not a safetensors file.</exception>
    public static SafetensorsFile Open(string path)
    {
        var file = MappedFile.Open(path);
        try
        {
            return new SafetensorsFile(file, SafetensorsHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }
}
