using System.Buffers.Binary;
using System.Text.Json;
using StreamDiff.Models.Native;

namespace StreamDiff.Models.Weights;

/// <summary>The table of contents of a safetensors file, with every claim in it checked against the file.</summary>
internal sealed class SafetensorsHeader
{
    // The format allows 100 MB, whose objects would take twenty times that. A real header of a thousand tensors has 100 kB.
    private const long LongestHeader = 8_000_000;
    private const int LengthBytes = 8;

    /// <summary>The one name in a header that is no tensor.</summary>
    public const string MetadataName = "__metadata__";

    private readonly MappedFile _file;
    private readonly long _dataStart;

    private SafetensorsHeader(MappedFile file, long headerBytes)
    {
        _file = file;
        _dataStart = LengthBytes + headerBytes;
    }

    public OrderedDictionary<string, MappedTensor> Tensors { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <exception cref="ModelException">The header is damaged or does not fit the file.</exception>
    public static SafetensorsHeader Read(MappedFile file)
    {
        if (file.Length < LengthBytes + 2)
            throw new ModelException(
                $"{file.Path} is cut short: {file.Length} bytes are less than the smallest safetensors file, download it again");
        var claimed = BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(0, LengthBytes));
        if (claimed > LongestHeader)
            throw new ModelException(
                $"{file.Path} is not a safetensors file: it claims a header of {claimed} bytes, {LongestHeader} are allowed");
        if ((long)claimed > file.Length - LengthBytes)
            throw new ModelException(
                $"{file.Path} is cut short: its header alone needs {LengthBytes + claimed} bytes and the file has {file.Length}, download "
                    + "it again");

        var header = new SafetensorsHeader(file, (long)claimed);
        try
        {
            header.Parse(file.Bytes(LengthBytes, (int)claimed));
        }
        catch (JsonException e)
        {
            throw header.Damaged($"the header is not valid JSON ({e.Message.ReplaceLineEndings(" ")})");
        }
        // The JSON reader's way to say that a string is not UTF-8.
        catch (InvalidOperationException)
        {
            throw header.Damaged("the header is not valid UTF-8");
        }
        header.CheckLayout();
        return header;
    }

    private void Parse(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        using var document = JsonDocument.ParseValue(ref reader);
        if (json[(int)reader.BytesConsumed..].ContainsAnyExcept((byte)' ', (byte)0))
            throw Damaged("something follows the header's JSON");
        if (document.RootElement.ValueKind != JsonValueKind.Object)
            throw Damaged("the header is not a JSON object");
        foreach (var property in document.RootElement.EnumerateObject())
        {
            if (property.Name == MetadataName)
                ParseMetadata(property.Value);
            else if (!Tensors.TryAdd(property.Name, ParseTensor(property.Name, property.Value)))
                throw Damaged($"{Printable.Of(property.Name)} is there twice");
        }
    }

    private void ParseMetadata(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw Damaged("__metadata__ is not an object");
        foreach (var item in value.EnumerateObject())
            Metadata[item.Name] = item.Value.ValueKind == JsonValueKind.String
                ? item.Value.GetString()!
                : throw Damaged($"metadata '{Printable.Of(item.Name)}' is not text");
    }

    private MappedTensor ParseTensor(string name, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty("dtype", out var dtype)
            || dtype.ValueKind != JsonValueKind.String)
            throw Damaged($"{Printable.Of(name)} has no dtype");
        var type = ElementTypes.FromSafetensors(dtype.GetString())
            ?? throw Damaged($"{Printable.Of(name)} has the unknown dtype {Printable.Of(dtype.GetString())}");
        var shape = Integers(name, value, "shape");
        var offsets = Integers(name, value, "data_offsets");
        var size = ElementTypes.Size(type);
        if (!TensorShape.TryCount(shape, size, out var elements))
            throw Damaged($"{Printable.Of(name)} has the impossible shape [{Printable.List(shape.Select(d => $"{d}"))}]");
        if (offsets.Length != 2 || offsets[1] < offsets[0] || offsets[1] > long.MaxValue / 2 || offsets[1] - offsets[0] != elements * size)
            throw Damaged(
                $"{Printable.Of(name)} needs {elements * size} bytes and has the offsets [{Printable.List(offsets.Select(o => $"{o}"))}]");
        if (offsets[0] % size != 0)
            throw Damaged(
                $"{Printable.Of(name)} is misaligned: offset {offsets[0]} is no multiple of its {size}-byte elements, save it again with "
                    + "safetensors");
        return new MappedTensor(_file, _dataStart + offsets[0], type, shape, TensorMemory.ContiguousStrides(shape));
    }

    private long[] Integers(string name, JsonElement tensor, string property)
    {
        if (!tensor.TryGetProperty(property, out var list) || list.ValueKind != JsonValueKind.Array)
            throw Damaged($"{Printable.Of(name)} has no {property}");
        if (list.GetArrayLength() > TensorShape.MostDimensions)
            throw Damaged($"{Printable.Of(name)} has a {property} of {list.GetArrayLength()} numbers");
        var numbers = new List<long>(list.GetArrayLength());
        foreach (var item in list.EnumerateArray())
            numbers.Add(item.ValueKind == JsonValueKind.Number && item.TryGetInt64(out var number) && number >= 0
                ? number
                : throw Damaged($"{Printable.Of(name)} has a {property} that is not made of non-negative integers"));
        return [.. numbers];
    }

    // The format allows neither gaps nor overlaps nor a rest, so every byte belongs to exactly one tensor.
    private void CheckLayout()
    {
        var end = _dataStart;
        foreach (var (name, tensor) in Tensors.OrderBy(t => t.Value.Offset).ThenBy(t => t.Value.Extent))
        {
            if (tensor.Offset != end)
                throw Damaged($"{Printable.Of(name)} {(tensor.Offset < end ? "overlaps the tensor before it" : "leaves a gap before it")}");
            end += tensor.Extent;
        }
        if (end > _file.Length)
            throw new ModelException($"{_file.Path} is cut short: it should have {end} bytes and has {_file.Length}, download it again");
        if (end < _file.Length)
            throw Damaged($"it has {_file.Length} bytes, {_file.Length - end} more than its header describes");
    }

    private ModelException Damaged(string what) => new($"{_file.Path} is not a usable safetensors file: {what}");
}
