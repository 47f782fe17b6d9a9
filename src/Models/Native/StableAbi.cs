using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Native;

/// <summary>
/// Thin calls through libtorch's stable C interface (torch/csrc/stable and torch/csrc/inductor/aoti_torch/c/shim.h), for what TorchSharp
/// lacks.
/// TorchSharp's <c>Tensor.Handle</c> is the same <c>at::Tensor*</c>. Failures come back as a code; libtorch prints the reason on stderr.
/// </summary>
internal static unsafe class StableAbi
{
    private const int DeviceCpu = 0;

    private static readonly delegate* unmanaged<byte*, byte*, ulong*, ulong, int> CallDispatcher =
        (delegate* unmanaged<byte*, byte*, ulong*, ulong, int>)LibTorch.Export("torch_call_dispatcher");

    private static readonly delegate* unmanaged<nint, nint*, int> NewHandle =
        (delegate* unmanaged<nint, nint*, int>)LibTorch.Export("aoti_torch_new_tensor_handle");

    private static readonly delegate* unmanaged<nuint, nint*, int> NewList =
        (delegate* unmanaged<nuint, nint*, int>)LibTorch.Export("torch_new_list_reserve_size");

    private static readonly delegate* unmanaged<nint, ulong, int> PushBack =
        (delegate* unmanaged<nint, ulong, int>)LibTorch.Export("torch_list_push_back");

    private static readonly delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int> FromBlob =
        (delegate* unmanaged<void*, long, long*, long*, long, int, int, int, nint*, int>)LibTorch.Export(
            "aoti_torch_create_tensor_from_blob");

    private static readonly delegate* unmanaged<nint, void**, int> GetDataPointer =
        (delegate* unmanaged<nint, void**, int>)LibTorch.Export("aoti_torch_get_data_ptr");

    /// <summary>
    /// Calls an ATen operator that returns one tensor. The stack holds its arguments in schema order; tensors on it are consumed.
    /// </summary>
    /// <exception cref="InvalidOperationException">The operator failed; libtorch has printed why.</exception>
    public static Tensor Call(ReadOnlySpan<byte> op, ReadOnlySpan<byte> overload, Span<ulong> stack)
    {
        fixed (byte* name = op, variant = overload)
        fixed (ulong* slots = stack)
            Check(CallDispatcher(name, variant, slots, LibTorch.AbiVersion), System.Text.Encoding.ASCII.GetString(op));
        return Tensor.UnsafeCreateTensor((nint)stack[0]);
    }

    /// <summary>A new owned handle, to be consumed by <see cref="Call"/>.</summary>
    public static ulong Handle(Tensor tensor)
    {
        nint handle;
        Check(NewHandle(tensor.Handle, &handle), "new handle");
        GC.KeepAlive(tensor);
        return (ulong)handle;
    }

    /// <summary>An optional argument that has a value; the callee frees it.</summary>
    public static ulong Some(ulong value)
    {
        var slot = (ulong*)System.Runtime.InteropServices.NativeMemory.Alloc(sizeof(ulong));
        *slot = value;
        return (ulong)slot;
    }

    public static ulong Real(double value) => BitConverter.DoubleToUInt64Bits(value);

    /// <summary>A list of whole numbers; the callee frees it.</summary>
    public static ulong IntList(params ReadOnlySpan<long> values)
    {
        nint list;
        Check(NewList((nuint)values.Length, &list), "new list");
        foreach (var value in values)
            Check(PushBack(list, (ulong)value), "list push");
        return (ulong)list;
    }

    /// <summary>A CPU tensor over memory that stays the caller's and must outlive it. Strides are in elements.</summary>
    public static Tensor View(void* memory, ReadOnlySpan<long> shape, ReadOnlySpan<long> strides, ScalarType type)
    {
        // libtorch wants a valid address even where there is nothing to read.
        long scalar = 0;
        nint handle;
        fixed (long* s = shape, t = strides)
            Check(FromBlob(memory, shape.Length, shape.IsEmpty ? &scalar : s, shape.IsEmpty ? &scalar : t, 0, (int)type, DeviceCpu, -1,
                &handle), "from_blob");
        return Tensor.UnsafeCreateTensor(handle);
    }

    /// <summary>Address of the first element, views respected.</summary>
    public static nint DataPointer(Tensor tensor)
    {
        void* address;
        Check(GetDataPointer(tensor.Handle, &address), "data_ptr");
        GC.KeepAlive(tensor);
        return (nint)address;
    }

    private static void Check(int code, string what)
    {
        if (code != 0)
            throw new InvalidOperationException($"libtorch failed in {what} (code {code}); its message is on stderr");
    }
}
