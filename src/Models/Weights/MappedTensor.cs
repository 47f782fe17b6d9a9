using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>Where one tensor lies in a mapped file. Whoever makes one has checked that all of it is inside the file.</summary>
/// <param name="File">The map.</param>
/// <param name="Offset">Of the first element, in bytes from the start of the file.</param>
/// <param name="Type">As stored.</param>
/// <param name="Shape">Elements along each dimension.</param>
/// <param name="Strides">In elements, one for each dimension.</param>
internal sealed record MappedTensor(MappedFile File, long Offset, ScalarType Type, long[] Shape, long[] Strides)
{
    // Large enough to keep disk and bus busy, small against any model that is large enough for its memory to matter.
    private const long PieceBytes = 16 << 20;

    private long Elements { get; } = Shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>
    /// Bytes from the first element to the end of the last one, which is more than the elements' own where the tensor has gaps.
    /// </summary>
    public long Extent { get; } = ExtentOf(Shape, Strides) * ElementTypes.Size(Type);

    private bool Aligned => Address % ElementTypes.Size(Type) == 0;

    private nint Address => File.Address(Offset, Extent);

    /// <summary>The stored values without a copy; only where they do not lie on an address that their type asks for, a copy.</summary>
    public Tensor View()
    {
        if (!Aligned)
            return AlignedCopy();
        File.ReadAhead(Offset, Extent);
        return TensorMemory.View(Address, Shape, Strides, Type);
    }

    /// <summary>
    /// The values on a device in a type. Where that is as stored this is <see cref="View"/>, otherwise a copy, and the file's pages are let
    /// go.
    /// </summary>
    public Tensor Read(Device device, ScalarType type)
    {
        if (device.type == DeviceType.CPU && type == Type)
            return View();
        // TorchSharp's conversions would go through a second copy of the whole tensor on the CPU; a piece at a time needs one piece.
        var result = torch.empty(Shape, dtype: type, device: device);
        CopyTo(result);
        return result;
    }

    private void CopyTo(Tensor target)
    {
        File.ReadInOrder(Offset, Extent);
        if (!Aligned || !Strides.AsSpan().SequenceEqual(TensorMemory.ContiguousStrides(Shape)))
        {
            using var whole = View();
            target.copy_(whole);
            File.Drop(Offset, Extent);
            return;
        }

        var size = ElementTypes.Size(Type);
        var step = PieceBytes / size;
        using var flat = target.view(-1);
        for (var first = 0L; first < Elements; first += step)
        {
            var count = Math.Min(step, Elements - first);
            using var from = TensorMemory.View(Address + (nint)(first * size), [count], Type);
            using var to = flat.narrow(0, first, count);
            to.copy_(from);
            File.Drop(Offset + first * size, count * size);
        }
    }

    private unsafe Tensor AlignedCopy()
    {
        var copy = torch.empty_strided(Shape, Strides, dtype: Type);
        if (Elements > 0)
            Buffer.MemoryCopy((void*)Address, (void*)TensorMemory.Address(copy), Extent, Extent);
        File.Drop(Offset, Extent);
        return copy;
    }

    private static long ExtentOf(long[] shape, long[] strides) =>
        TensorShape.TryExtent(shape, strides, out var extent)
            ? extent
            : throw new ArgumentException("the strides are impossible", nameof(strides));
}
