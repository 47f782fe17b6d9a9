using StreamDiff.Transport.Links.Cuda;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>A lane over NCCL: two communicators of two ranks, one for each direction, so that sending never waits for receiving.</summary>
public sealed class NcclLane : IDeviceLane
{
    private const int TestBytes = 4096;

    private readonly int _device;
    private readonly NcclDirection _sending;
    private readonly NcclDirection _receiving;

    /// <summary>Opens a lane and tries it. Both ends must come here at about the same time; each waits for the other.</summary>
    /// <param name="device">CUDA device of this end.</param>
    /// <param name="ids">Ids of the communicators: of what the caller sends, of what the listener sends.</param>
    /// <param name="isCaller">True at the end that called.</param>
    /// <exception cref="LinkException">NCCL or the device cannot be used.</exception>
    public NcclLane(int device, (NcclUniqueId Forward, NcclUniqueId Backward) ids, bool isCaller)
    {
        if (NcclLibrary.Obstacle is { } obstacle)
            throw new LinkException(obstacle);
        _device = device;
        var rank = isCaller ? 0 : 1;
        // Both ends join the forward communicator first.
        var forward = new NcclDirection(device, ids.Forward, rank, sends: isCaller);
        NcclDirection? backward = null;
        try
        {
            backward = new NcclDirection(device, ids.Backward, rank, sends: !isCaller);
            (_sending, _receiving) = isCaller ? (forward, backward) : (backward, forward);
            Try(isCaller);
        }
        catch
        {
            forward.Dispose();
            backward?.Dispose();
            throw;
        }
    }

    /// <summary>Why NCCL cannot be used on this machine; null when it can.</summary>
    public static string? Obstacle => NcclLibrary.Obstacle;

    /// <summary>Ids for a new lane; made by the caller, sent to the listener.</summary>
    /// <exception cref="LinkException">NCCL is not here.</exception>
    public static unsafe (NcclUniqueId Forward, NcclUniqueId Backward) NewIds()
    {
        if (NcclLibrary.Obstacle is { } obstacle)
            throw new LinkException(obstacle);
        NcclUniqueId forward, backward;
        NcclLibrary.Check(NcclLibrary.GetUniqueId(&forward), "make an id");
        NcclLibrary.Check(NcclLibrary.GetUniqueId(&backward), "make an id");
        return (forward, backward);
    }

    /// <summary>Looks for NCCL beside this libtorch too. Has no effect once NCCL has been looked for.</summary>
    public static void LookBeside(string torchFolder) => NcclLibrary.TorchFolder = torchFolder;

    public void Send(IReadOnlyList<LinkPayload> arrays) => _sending.Transfer(Describe(arrays));

    public void Receive(IReadOnlyList<LinkPayload> arrays) => _receiving.Transfer(Describe(arrays));

    public void Dispose()
    {
        _sending.Dispose();
        _receiving.Dispose();
    }

    private static (nint, long, ElementType)[] Describe(IReadOnlyList<LinkPayload> arrays) =>
        [.. arrays.Select(a => (((IDeviceArray)a).DeviceAddress, a.Bytes / LinkPayload.SizeOf(a.Type), a.Type))];

    // The first transfer connects the devices, which would wait for a dead peer otherwise; and machines exist where devices seem to reach
    // each other and what arrives is wrong.
    private void Try(bool isCaller)
    {
        const byte fromCaller = 0x5D, fromListener = 0xB2;
        using var scope = CudaDriver.Use(_device);
        var outgoing = CudaDriver.Allocate(TestBytes, isCaller ? fromCaller : fromListener);
        var incoming = CudaDriver.Allocate(TestBytes, 0);
        try
        {
            (NcclDirection Direction, nint Address)[] both = [(_sending, outgoing), (_receiving, incoming)];
            foreach (var (direction, address) in isCaller ? both : both.Reverse())
                direction.Transfer([(address, TestBytes, ElementType.U8)]);
            var arrived = new byte[TestBytes];
            DeviceCopy.ToHost(incoming, _device, arrived);
            if (arrived.AsSpan().ContainsAnyExcept(isCaller ? fromListener : fromCaller))
                throw new LinkException("what NCCL brings from the neighbour's device arrives damaged");
        }
        finally
        {
            CudaDriver.Free(outgoing);
            CudaDriver.Free(incoming);
        }
    }
}
