namespace StreamDiff.Transport.Links.Nccl;

/// <summary>Opens lanes from this end's device to those of neighbours; ends that both have one use it.</summary>
public interface IDeviceLanes
{
    /// <summary>Fresh ids for a lane, made by the end that calls.</summary>
    /// <exception cref="LinkException">This end can have no lane.</exception>
    byte[] NewIds();

    /// <summary>Opens this end of a lane. Waits for the other end.</summary>
    /// <exception cref="LinkException">The devices cannot reach each other so; both ends find that out.</exception>
    IDeviceLane Open(byte[] ids, bool isCaller);

    /// <summary>Makes what arrives.</summary>
    IDeviceAllocator Allocator { get; }
}

/// <summary>Lanes over NCCL from one CUDA device.</summary>
/// <param name="device">The device.</param>
/// <param name="allocator">Makes arrays on it.</param>
public sealed class NcclLanes(int device, IDeviceAllocator allocator) : IDeviceLanes
{
    public IDeviceAllocator Allocator => allocator;

    public byte[] NewIds()
    {
        var bytes = new byte[2 * NcclUniqueId.Length];
        var (forward, backward) = NcclLane.NewIds();
        forward.CopyTo(bytes);
        backward.CopyTo(bytes.AsSpan(NcclUniqueId.Length));
        return bytes;
    }

    public IDeviceLane Open(byte[] ids, bool isCaller)
    {
        if (ids.Length != 2 * NcclUniqueId.Length)
            throw new LinkException("the neighbour sent no NCCL ids");
        return new NcclLane(device,
            (NcclUniqueId.From(ids.AsSpan(0, NcclUniqueId.Length)), NcclUniqueId.From(ids.AsSpan(NcclUniqueId.Length))), isCaller);
    }
}
