using StreamDiff.Models.Native;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Cuda;
using StreamDiff.Transport.Links.Nccl;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>A tensor on its way: handed over as it is within a process, brought to the host where it leaves it.</summary>
internal sealed class TensorPayload : LinkPayload, IDeviceArray
{
    private readonly IDisposable? _memory;
    private Tensor? _host;

    /// <param name="tensor">Belongs to the payload from now on.</param>
    /// <param name="memory">What the tensor lies over, let go after it.</param>
    public TensorPayload(Tensor tensor, IDisposable? memory = null)
        : base(TypeOf(tensor.dtype), tensor.shape)
    {
        Tensor = tensor.DetachFromDisposeScope();
        _memory = memory;
    }

    public Tensor Tensor { get; }

    /// <summary>The device address where a link between devices may read; 0 on the CPU, and for tensors that are not contiguous.</summary>
    public nint DeviceAddress => Tensor.device_type == DeviceType.CUDA && Tensor.is_contiguous() ? TensorMemory.Address(Tensor) : 0;

    /// <summary>Makes tensors on a device for a link to receive into.</summary>
    public static IDeviceAllocator AllocatorOn(Device device) => new DeviceAllocator(device);

    /// <summary>
    /// What came over a link as a tensor on a device: the same memory where that is possible, a copy otherwise. Takes the payload over.
    /// </summary>
    public static TensorPayload From(LinkPayload payload, Device device)
    {
        if (payload is TensorPayload local)
        {
            if (SameDevice(local.Tensor.device, device))
                return local;
            using (local)
                return new TensorPayload(local.CopyTo(device));
        }
        var host = (HostPayload)payload;
        var view = TensorMemory.View(host.Address, host.Shape, ScalarTypeOf(host.Type));
        if (device.type == DeviceType.CPU)
            return new TensorPayload(view, host);
        using (host)
        using (view)
            return new TensorPayload(view.to(device));
    }

    /// <summary>A tensor on a device that lives by itself. Takes the payload over.</summary>
    public static Tensor Take(LinkPayload payload, Device device)
    {
        var taken = From(payload, device);
        if (taken._memory is null)
        {
            taken._host?.Dispose();
            return taken.Tensor;
        }
        using (taken)
            return taken.Tensor.clone();
    }

    /// <summary>A tensor on a device that lives by itself; the payload stays as it is.</summary>
    public static Tensor Copy(LinkPayload payload, Device device)
    {
        if (payload is TensorPayload local)
            return local.CopyTo(device);
        var host = (HostPayload)payload;
        using var view = TensorMemory.View(host.Address, host.Shape, ScalarTypeOf(host.Type));
        return view.to(device, copy: true);
    }

    public override unsafe ReadOnlyMemory<byte> Host()
    {
        _host ??= CopyTo(CPU).DetachFromDisposeScope();
        return new TensorBytes((byte*)TensorMemory.Address(_host), checked((int)Bytes)).Memory;
    }

    public override void Dispose()
    {
        _host?.Dispose();
        Tensor.Dispose();
        _memory?.Dispose();
    }

    // A copy in any case, contiguous. What was handed over is complete, and must not wait for what its rank computes now.
    private Tensor CopyTo(Device device)
    {
        if (DeviceAddress == 0 || SameDevice(Tensor.device, device))
        {
            // Contiguous already as a rule, and yet contiguous() gives a second tensor over the same memory: the first would hold it until
            // the finalizer comes by.
            using var moved = Tensor.to(device, copy: true);
            return moved.contiguous();
        }
        var copy = empty(Tensor.shape, Tensor.dtype, device);
        if (device.type == DeviceType.CUDA)
            DeviceCopy.Between(DeviceAddress, IndexOf(Tensor.device), TensorMemory.Address(copy), IndexOf(device), Bytes);
        else
            DeviceCopy.ToHost(DeviceAddress, IndexOf(Tensor.device), TensorMemory.Bytes(copy));
        return copy;
    }

    private static int IndexOf(Device device) => Math.Max(device.index, 0);

    private static bool SameDevice(Device a, Device b) => a.type == b.type && (a.type == DeviceType.CPU || IndexOf(a) == IndexOf(b));

    private static ElementType TypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => ElementType.F32,
        ScalarType.BFloat16 => ElementType.BF16,
        ScalarType.Float16 => ElementType.F16,
        ScalarType.Float64 => ElementType.F64,
        ScalarType.Int64 => ElementType.I64,
        ScalarType.Byte => ElementType.U8,
        _ => throw new ArgumentException($"tensors of {type} do not travel between ranks", nameof(type)),
    };

    private static ScalarType ScalarTypeOf(ElementType type) => type switch
    {
        ElementType.F32 => ScalarType.Float32,
        ElementType.BF16 => ScalarType.BFloat16,
        ElementType.F16 => ScalarType.Float16,
        ElementType.F64 => ScalarType.Float64,
        ElementType.I64 => ScalarType.Int64,
        _ => ScalarType.Byte,
    };

    private sealed class DeviceAllocator(Device device) : IDeviceAllocator
    {
        public LinkPayload Allocate(ElementType type, long[] shape)
        {
            try
            {
                return new TensorPayload(empty(shape, ScalarTypeOf(type), device));
            }
            catch (System.Runtime.InteropServices.ExternalException e)
            {
                throw new LinkException($"no room on {device} for what arrives: {e.Message.Split('\n')[0]}", e);
            }
        }
    }

    private sealed unsafe class TensorBytes(byte* address, int length) : System.Buffers.MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(address, length);

        public override System.Buffers.MemoryHandle Pin(int elementIndex = 0) => new(address + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
