using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>Where a tensor lies in a checkpoint file: offset in bytes, shape and strides in elements.</summary>
public sealed record StoredTensor(ScalarType Type, long[] Shape, long[] Strides, long Offset)
{
    public long Elements => Shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>Bytes from the first to the last element, 0 when there are none.</summary>
    internal long Extent(int elementSize)
    {
        if (Elements == 0)
            return 0;
        var last = 0L;
        for (var i = 0; i < Shape.Length; i++)
            last += (Shape[i] - 1) * Strides[i];
        return (last + 1) * elementSize;
    }
}

/// <summary>Tensors of one mapped file. On the CPU in the file's own type they alias the map; otherwise they are copied and the map's pages given back.</summary>
public abstract class CheckpointSource : IWeightSource
{
    private readonly MappedFile _file;

    private protected CheckpointSource(MappedFile file) => _file = file;

    public string Description => _file.Path;

    public IReadOnlyCollection<string> Names => (IReadOnlyCollection<string>)Tensors.Keys;

    /// <summary>All tensors by name.</summary>
    public abstract IReadOnlyDictionary<string, StoredTensor> Tensors { get; }

    public long[]? ShapeOf(string name, long[] wanted) => Tensors.TryGetValue(name, out var tensor) ? tensor.Shape : null;

    /// <summary>The tensor as it is stored, over the map: read-only, and valid only as long as this source.</summary>
    /// <exception cref="ModelException">There is none of that name.</exception>
    public Tensor View(string name)
    {
        if (!Tensors.TryGetValue(name, out var tensor))
            throw new ModelException($"{Description} holds no tensor named {name}");
        return TensorMemory.View(_file.Address(tensor.Offset), tensor.Shape, tensor.Strides, tensor.Type);
    }

    public Tensor Read(string name, long[] shape, Device device, ScalarType type)
    {
        var view = View(name);
        if (device.type == DeviceType.CPU && view.dtype == type)
            return view;
        using (view)
        {
            var copy = view.to(type, device, copy: true);
            var stored = Tensors[name];
            _file.Forget(stored.Offset, stored.Extent((int)view.element_size()));
            return copy;
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        GC.SuppressFinalize(this);
    }
}
