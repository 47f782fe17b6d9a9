using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// What a torch checkpoint's pickle may name: the functions that put tensors together, their storages and types, and a few harmless
/// containers.
/// </summary>
/// <param name="file">The map that the tensors lie in.</param>
/// <param name="entries">The archive's entries.</param>
/// <param name="root">The archive's top folder with its slash, or nothing.</param>
internal sealed class TorchObjects(MappedFile file, IReadOnlyDictionary<string, ZipEntry> entries, string root) : IPickleWorld
{
    private const string OrderedDict = "collections.OrderedDict";
    private const string Size = "torch.Size";
    private const string UntypedStorage = "torch.storage.UntypedStorage";
    private const string Parameter = "torch._utils._rebuild_parameter";
    private const string ParameterWithState = "torch._utils._rebuild_parameter_with_state";
    private const string TensorV2 = "torch._utils._rebuild_tensor_v2";
    // For types that have no storage class of their own, such as the 8-bit floats.
    private const string TensorV3 = "torch._utils._rebuild_tensor_v3";

    // What these make is data that weights do not need: it is read over.
    private static readonly HashSet<string> Inert = new(StringComparer.Ordinal)
    {
        "torch.device", "_codecs.encode",
        "builtins.set", "builtins.frozenset", "builtins.complex", "builtins.bytearray",
        "__builtin__.set", "__builtin__.frozenset", "__builtin__.complex", "__builtin__.bytearray",
    };

    public object Global(string name) => name switch
    {
        OrderedDict or Size or Parameter or ParameterWithState or TensorV2 or TensorV3 or UntypedStorage => new PickleGlobal(name),
        _ when Inert.Contains(name) => new PickleGlobal(name),
        _ when TorchName(name) is { } torch && (ElementTypes.FromStorage(torch) ?? ElementTypes.FromTorch(torch)) is not null =>
            new PickleGlobal(name),
        _ => throw new ModelException(
            $"{file.Path} is refused: it names '{Printable.Of(name)}', which weights do not need and which could run code; nothing was "
                + "executed. "
            + "Use a file that holds only a state dict"),
    };

    public object? Call(object? function, object?[] arguments) => ((function as PickleGlobal)?.Name, arguments) switch
    {
        (TensorV2, [PickleStorage { Type: { } type } storage, long offset, object?[] shape, object?[] strides, ..]) =>
            Tensor(storage, type, offset, shape, strides),
        (TensorV3, [PickleStorage storage, long offset, object?[] shape, object?[] strides, _, _, PickleGlobal type, ..]) =>
            Tensor(storage, TypeOf(type), offset, shape, strides),
        (Parameter or ParameterWithState, [MappedTensor tensor, ..]) => tensor,
        (OrderedDict, []) => new PickleDict(),
        (Size, [object?[] shape]) => shape,
        ({ } name, _) when Inert.Contains(name) => new PickleOpaque(name),
        ({ } name, _) => throw new InvalidDataException($"its pickle calls {name} with values of the wrong kind"),
        _ => throw new InvalidDataException("its pickle calls something that is no function"),
    };

    public object Persistent(object? id)
    {
        // The fourth part is the device that it was saved from: where it goes is not the file's business.
        if (id is not object?[] parts || parts is not ["storage", PickleGlobal storage, string key, _, long count, ..])
            throw new InvalidDataException("its pickle refers to something that is no storage");
        ScalarType? type = storage.Name == UntypedStorage
            ? null
            : TorchName(storage.Name) is { } name && ElementTypes.FromStorage(name) is { } known ? known
            : throw new InvalidDataException($"{storage.Name} is no storage");
        if (!entries.TryGetValue($"{root}data/{key}", out var entry))
            throw new InvalidDataException($"the bytes of storage {Printable.Of(key)} are missing");
        var size = type is { } t ? ElementTypes.Size(t) : 1;
        if (count < 0 || count > entry.Size / size)
            throw new InvalidDataException(
                $"storage {Printable.Of(key)} should have {count} elements of {size} bytes and has {entry.Size} bytes");
        return new PickleStorage(entry.Offset, type, count * size);
    }

    private MappedTensor Tensor(PickleStorage storage, ScalarType type, long offset, object?[] shape, object?[] strides)
    {
        var size = ElementTypes.Size(type);
        var (dimensions, steps) = (Integers(shape), Integers(strides));
        if (!TensorShape.TryCount(dimensions, size, out _) || !TensorShape.TryExtent(dimensions, steps, out var extent))
            throw new InvalidDataException($"a tensor has the impossible shape [{Printable.List(dimensions.Select(d => $"{d}"))}]");
        if (offset < 0 || offset > storage.Bytes / size - extent)
            throw new InvalidDataException(
                $"a tensor [{string.Join(", ", dimensions)}] at {offset} reaches outside its storage of {storage.Bytes / size} elements");
        return new MappedTensor(file, storage.Offset + offset * size, type, dimensions, steps);
    }

    private static long[] Integers(object?[] values) =>
        Array.ConvertAll(
            values, v => v is long number ? number : throw new InvalidDataException("its pickle has a shape that is not made of integers"));

    private static ScalarType TypeOf(PickleGlobal type) =>
        TorchName(type.Name) is { } name && ElementTypes.FromTorch(name) is { } known
            ? known
            : throw new InvalidDataException($"{type.Name} is no tensor type");

    private static string? TorchName(string global) =>
        global.StartsWith("torch.", StringComparison.Ordinal) ? global["torch.".Length..] : null;
}
