using System.Buffers.Binary;
using System.Text.Json;
using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// A .safetensors file: 8 bytes header length, a JSON header of {name: {dtype, shape, data_offsets}}, then the data
/// (https://huggingface.co/docs/safetensors). Nothing is copied until a tensor is asked for in another type or on another device.
/// </summary>
public sealed class SafetensorsFile : CheckpointSource
{
    // The format's own limit.
    private const long LongestHeader = 100_000_000;

    /// <exception cref="ModelException">The file is missing, cut off or not in the format.</exception>
    public SafetensorsFile(string path)
        : this(new MappedFile(path))
    {
    }

    private SafetensorsFile(MappedFile file)
        : base(file)
    {
        try
        {
            Tensors = ReadHeader(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public override IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    private static Dictionary<string, StoredTensor> ReadHeader(MappedFile file)
    {
        if (file.Length < 8)
            throw file.Truncated(0, 8);
        var length = BinaryPrimitives.ReadInt64LittleEndian(file.Bytes(0, 8));
        if (length is < 2 or > LongestHeader)
            throw new ModelException($"{file.Path} is not a safetensors file: it claims a header of {(ulong)length} bytes");
        var header = file.Bytes(8, length);
        try
        {
            var reader = new Utf8JsonReader(header);
            using var json = JsonDocument.ParseValue(ref reader);
            var tensors = new Dictionary<string, StoredTensor>();
            foreach (var entry in json.RootElement.EnumerateObject())
                if (entry.Name != "__metadata__" && !tensors.TryAdd(entry.Name, ReadEntry(file, 8 + length, entry)))
                    throw new ModelException($"{file.Path} holds {entry.Name} twice");
            return tensors;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException or IndexOutOfRangeException)
        {
            throw new ModelException($"{file.Path} has a damaged safetensors header: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static StoredTensor ReadEntry(MappedFile file, long dataStart, JsonProperty entry)
    {
        var type = TypeOf(entry.Value.GetProperty("dtype").GetString(), file.Path, entry.Name);
        var shape = entry.Value.GetProperty("shape").EnumerateArray().Select(e => e.GetInt64()).ToArray();
        var offsets = entry.Value.GetProperty("data_offsets");
        var (begin, end) = (offsets[0].GetInt64(), offsets[1].GetInt64());
        if (shape.Any(s => s < 0))
            throw new ModelException($"{file.Path} gives {entry.Name} a negative size");
        var bytes = checked(shape.Aggregate(1L, (a, b) => checked(a * b)) * ElementSize(type));
        if (begin < 0 || end - begin != bytes)
            throw new ModelException($"{file.Path} gives {entry.Name} {end - begin} bytes where its shape needs {bytes}");
        if (dataStart + end > file.Length)
            throw file.Truncated(dataStart + begin, bytes);
        return new StoredTensor(type, shape, TensorMemory.ContiguousStrides(shape), dataStart + begin);
    }

    private static ScalarType TypeOf(string? name, string path, string tensor) => name switch
    {
        "F64" => ScalarType.Float64,
        "F32" => ScalarType.Float32,
        "F16" => ScalarType.Float16,
        "BF16" => ScalarType.BFloat16,
        "I64" => ScalarType.Int64,
        "I32" => ScalarType.Int32,
        "I16" => ScalarType.Int16,
        "I8" => ScalarType.Int8,
        "U8" => ScalarType.Byte,
        "BOOL" => ScalarType.Bool,
        // TorchSharp has no names for these; the numbers are libtorch's.
        "F8_E4M3" => (ScalarType)24,
        "F8_E5M2" => (ScalarType)23,
        _ => throw new ModelException($"{path} holds {tensor} in the type {name}, which is not supported"),
    };

    internal static int ElementSize(ScalarType type) => type switch
    {
        ScalarType.Float64 or ScalarType.Int64 => 8,
        ScalarType.Float32 or ScalarType.Int32 => 4,
        ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Int16 => 2,
        _ => 1,
    };
}
