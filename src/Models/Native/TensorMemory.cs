using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Native;

/// <summary>Tensors over memory that somebody else owns, and the memory below CPU tensors. Nothing is copied.</summary>
public static unsafe class TensorMemory
{
    /// <summary>A contiguous CPU tensor over <paramref name="address"/>; the memory must outlive it.</summary>
    public static Tensor View(nint address, ReadOnlySpan<long> shape, ScalarType type) =>
        StableAbi.View((void*)address, shape, ContiguousStrides(shape), type);

    /// <summary>A CPU tensor over <paramref name="address"/> with strides in elements; the memory must outlive it.</summary>
    public static Tensor View(nint address, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, ScalarType type) =>
        StableAbi.View((void*)address, shape, strides, type);

    /// <summary>Address of the tensor's first element.</summary>
    public static nint Address(Tensor tensor) => StableAbi.DataPointer(tensor);

    /// <summary>The elements of a contiguous CPU tensor, valid while the tensor is.</summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous, not on the CPU or not of type <typeparamref name="T"/>'s
    /// size.</exception>
    public static Span<T> Span<T>(Tensor tensor) where T : unmanaged
    {
        if (tensor.device_type != DeviceType.CPU || !tensor.is_contiguous() || tensor.element_size() != sizeof(T))
            throw new ArgumentException($"the tensor is not a contiguous CPU tensor of {typeof(T).Name}", nameof(tensor));
        return new Span<T>((void*)Address(tensor), checked((int)tensor.numel()));
    }

    /// <summary>The memory of a contiguous CPU tensor of any type, valid while the tensor is.</summary>
    /// <exception cref="ArgumentException">The tensor is not contiguous or not on the CPU.</exception>
    public static Span<byte> Bytes(Tensor tensor)
    {
        if (tensor.device_type != DeviceType.CPU || !tensor.is_contiguous())
            throw new ArgumentException("the tensor is not a contiguous CPU tensor", nameof(tensor));
        return new Span<byte>((void*)Address(tensor), checked((int)(tensor.numel() * tensor.element_size())));
    }

    /// <summary>Row-major strides, in elements.</summary>
    public static long[] ContiguousStrides(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        var step = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= Math.Max(shape[i], 1);
        }
        return strides;
    }
}
