namespace StreamDiff.Transport.Links.Nccl;

/// <summary>An array that lies on a device.</summary>
public interface IDeviceArray
{
    /// <summary>Device address of the first number, contiguous; 0 where the array lies in host memory.</summary>
    nint DeviceAddress { get; }
}

/// <summary>Makes arrays on the device that a link receives into.</summary>
public interface IDeviceAllocator
{
    /// <summary>
    /// An array for a lane to fill. Its memory may still be in use by work that is queued on the device: the lane waits for that.
    /// </summary>
    /// <exception cref="LinkException">There is no room.</exception>
    LinkPayload Allocate(ElementType type, long[] shape);
}

/// <summary>
/// Moves arrays between the devices of two ranks, in one order in each direction. NCCL where there are GPUs; tests have one of their own.
/// </summary>
public interface IDeviceLane : IDisposable
{
    /// <summary>Sends arrays, which nothing writes any more, and returns when they may be freed.</summary>
    void Send(IReadOnlyList<LinkPayload> arrays);

    /// <summary>Fills arrays with what the peer sends next, and returns when they can be read.</summary>
    void Receive(IReadOnlyList<LinkPayload> arrays);
}
