namespace StreamDiff.Transport.Links.Nccl;

/// <summary>
/// Two communicators of two ranks, one for each direction, so that sending never waits for receiving. Each has a stream of its own beside that of the computation.
/// </summary>
public sealed unsafe class NcclLane : IDeviceLane
{
    private readonly int _device;
    private readonly nint _sending;
    private readonly nint _receiving;
    private readonly nint _sendStream;
    private readonly nint _receiveStream;
    private readonly int _peer;
    private int _closed;

    /// <param name="device">CUDA device of this end.</param>
    /// <param name="ids">Ids of the communicators: of what the caller sends, of what the listener sends.</param>
    /// <param name="isCaller">True at the end that called.</param>
    /// <exception cref="LinkException">NCCL or the device cannot be used. Both ends must come here, or both wait.</exception>
    public NcclLane(int device, (NcclUniqueId Forward, NcclUniqueId Backward) ids, bool isCaller)
    {
        if (NcclLibrary.Obstacle is { } obstacle)
            throw new LinkException(obstacle);
        _device = device;
        _peer = isCaller ? 1 : 0;
        CudaDriver.UseDevice(device);
        nint forward, backward;
        NcclLibrary.Check(NcclLibrary.CommInitRank(&forward, 2, ids.Forward, 1 - _peer), "join the neighbour");
        NcclLibrary.Check(NcclLibrary.CommInitRank(&backward, 2, ids.Backward, 1 - _peer), "join the neighbour");
        (_sending, _receiving) = isCaller ? (forward, backward) : (backward, forward);
        _sendStream = CudaDriver.CreateStream();
        _receiveStream = CudaDriver.CreateStream();
    }

    /// <summary>True when this machine has NCCL.</summary>
    public static bool IsPossible => NcclLibrary.Obstacle is null;

    /// <summary>Ids for a new lane; made by the caller, sent to the listener.</summary>
    /// <exception cref="LinkException">NCCL is not here.</exception>
    public static (NcclUniqueId Forward, NcclUniqueId Backward) NewIds()
    {
        if (NcclLibrary.Obstacle is { } obstacle)
            throw new LinkException(obstacle);
        NcclUniqueId forward, backward;
        NcclLibrary.Check(NcclLibrary.GetUniqueId(&forward), "make an id");
        NcclLibrary.Check(NcclLibrary.GetUniqueId(&backward), "make an id");
        return (forward, backward);
    }

    public void Send(IReadOnlyList<LinkPayload> arrays) => Transfer(arrays, _sendStream, send: true);

    public void Receive(IReadOnlyList<LinkPayload> arrays) => Transfer(arrays, _receiveStream, send: false);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) != 0)
            return;
        // Abort, not destroy: a peer that is dead would make destroy wait for ever.
        _ = NcclLibrary.CommAbort(_sending);
        _ = NcclLibrary.CommAbort(_receiving);
        CudaDriver.DestroyStream(_sendStream);
        CudaDriver.DestroyStream(_receiveStream);
    }

    private void Transfer(IReadOnlyList<LinkPayload> arrays, nint stream, bool send)
    {
        // The context belongs to a thread; the link's threads are its own.
        CudaDriver.UseDevice(_device);
        NcclLibrary.Check(NcclLibrary.GroupStart(), "begin");
        foreach (var array in arrays)
        {
            var address = (void*)((IDeviceArray)array).DeviceAddress;
            var count = (nuint)(array.Bytes / LinkPayload.SizeOf(array.Type));
            var type = NcclLibrary.TypeOf(array.Type);
            NcclLibrary.Check(
                send ? NcclLibrary.Send(address, count, type, _peer, _sending, stream) : NcclLibrary.Receive(address, count, type, _peer, _receiving, stream),
                send ? "send" : "receive");
        }
        NcclLibrary.Check(NcclLibrary.GroupEnd(), "end");
        CudaDriver.Synchronize(stream);
    }
}
