using System.Buffers.Binary;
using System.Text.Json;
using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>Writes tensors to a safetensors file, one at a time, so that memory needs no second copy of the model.</summary>
public static class SafetensorsWriter
{
    private const int Alignment = 8;
    private const int PieceBytes = 64 << 20;

    /// <summary>Writes a file, under another name first, so that a broken run leaves no half file behind.</summary>
    /// <param name="path">Replaced where it exists.</param>
    /// <param name="tensors">Of any device and layout; stored in their own type.</param>
    /// <param name="metadata">Text pairs of the header; default none.</param>
    /// <exception cref="ModelException">The file cannot be written, a type has no name in the format, or a name is used twice or
    /// reserved.</exception>
    public static void Write(
        string path, IReadOnlyCollection<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        WriteEach(path, [.. tensors.Select(t => new TensorToWrite(t.Key, t.Value.dtype, t.Value.shape, () => t.Value.alias()))], metadata);

    /// <summary>The same with tensors that are made, and let go, one after the other.</summary>
    internal static void WriteEach(
        string path, IReadOnlyCollection<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        Check(path, tensors);
        // Widest elements first: with an aligned start every tensor is then aligned to its own elements.
        var ordered = tensors.OrderByDescending(t => ElementTypes.Size(t.Type)).ToList();
        var draft = $"{path}.{Environment.ProcessId}.part";
        try
        {
            using (var stream = new FileStream(draft, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                stream.Write(Header(ordered, metadata));
                foreach (var tensor in ordered)
                    using (var made = tensor.Make())
                        WriteTensor(stream, made);
            }
            File.Move(draft, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"{path} cannot be written: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        finally
        {
            DeleteDraft(draft);
        }
    }

    private static void Check(string path, IReadOnlyCollection<TensorToWrite> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal) { SafetensorsHeader.MetadataName };
        foreach (var (name, type, _, _) in tensors)
        {
            if (!names.Add(name))
                throw new ModelException(
                    $"{path} cannot hold a tensor '{Printable.Of(name)}': the name is "
                        + $"{(name == SafetensorsHeader.MetadataName ? "reserved" : "used twice")}");
            if (!ElementTypes.IsKnown(type))
                throw new ModelException($"{path} cannot hold '{Printable.Of(name)}': safetensors have no type for {type}");
        }
    }

    private static byte[] Header(List<TensorToWrite> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var memory = new MemoryStream();
        memory.Write(stackalloc byte[sizeof(long)]);
        using (var json = new Utf8JsonWriter(memory))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
                WriteMetadata(json, metadata);
            var offset = 0L;
            foreach (var tensor in tensors)
                offset = WriteEntry(json, tensor, offset);
            json.WriteEndObject();
        }
        while (memory.Length % Alignment != 0)
            memory.WriteByte((byte)' ');
        var header = memory.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(header, header.Length - sizeof(long));
        return header;
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(SafetensorsHeader.MetadataName);
        foreach (var (key, value) in metadata)
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static long WriteEntry(Utf8JsonWriter json, TensorToWrite tensor, long offset)
    {
        var end = offset + tensor.Shape.Aggregate(1L, (a, b) => a * b) * ElementTypes.Size(tensor.Type);
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", ElementTypes.SafetensorsName(tensor.Type));
        json.WriteStartArray("shape");
        foreach (var dimension in tensor.Shape)
            json.WriteNumberValue(dimension);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
        return end;
    }

    private static unsafe void WriteTensor(FileStream stream, Tensor tensor)
    {
        using var detached = tensor.detach();
        using var onHost = detached.cpu();
        using var plain = onHost.contiguous();
        var bytes = plain.numel() * ElementTypes.Size(plain.dtype);
        if (bytes == 0)
            return;
        var start = (byte*)TensorMemory.Address(plain);
        for (var at = 0L; at < bytes; at += PieceBytes)
            stream.Write(new ReadOnlySpan<byte>(start + at, (int)Math.Min(PieceBytes, bytes - at)));
    }

    private static void DeleteDraft(string draft)
    {
        try
        {
            File.Delete(draft);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The reason why the file could not be written is reported already, and a draft that was moved is gone.
        }
    }
}

/// <summary>A tensor that is to be written.</summary>
/// <param name="Name">Its name in the file.</param>
/// <param name="Type">Type that it is stored in.</param>
/// <param name="Shape">Elements along each dimension.</param>
/// <param name="Make">Gives it in that type and shape; disposed when it has been written.</param>
internal sealed record TensorToWrite(string Name, ScalarType Type, long[] Shape, Func<Tensor> Make);
