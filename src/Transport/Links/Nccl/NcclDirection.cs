using StreamDiff.Transport.Links.Cuda;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>
/// One direction of a lane: a communicator of two ranks and a stream of its own beside that of the computation. Used by one thread at a
/// time; ended by any.
/// </summary>
internal sealed unsafe class NcclDirection : IDisposable
{
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(5);

    private readonly int _device;
    private readonly int _peer;
    private readonly bool _sends;
    private readonly nint _communicator;
    private readonly nint _stream;
    private readonly nint _mark;
    private readonly Lock _transfer = new();
    private readonly Lock _queue = new();
    private bool _closed;

    /// <summary>Joins the neighbour, who must do the same. Waits for it.</summary>
    public NcclDirection(int device, NcclUniqueId id, int rank, bool sends)
    {
        (_device, _peer, _sends) = (device, 1 - rank, sends);
        using var scope = CudaDriver.Use(device);
        nint communicator;
        NcclLibrary.Check(NcclLibrary.CommInitRank(&communicator, 2, id, rank), "join the neighbour");
        _communicator = communicator;
        _stream = CudaDriver.NewStream();
        _mark = CudaDriver.NewEvent();
    }

    private string Doing => _sends ? "send" : "receive";

    /// <summary>Sends what lies at these addresses, or fills them; returns when that has happened.</summary>
    public void Transfer(IReadOnlyList<(nint Address, long Count, ElementType Type)> arrays)
    {
        lock (_transfer)
        {
            using var scope = CudaDriver.Use(_device);
            // Ending must not come between: it frees the communicator.
            lock (_queue)
            {
                ExpectOpen();
                // What is sent is complete; where something arrives may have been let go by work that is still queued.
                if (!_sends)
                    CudaDriver.AfterComputation(_stream, _mark);
                NcclLibrary.Check(NcclLibrary.GroupStart(), "begin");
                foreach (var (address, count, type) in arrays)
                {
                    var number = NcclLibrary.TypeOf(type);
                    NcclLibrary.Check(
                        _sends
                            ? NcclLibrary.Send((void*)address, (nuint)count, number, _peer, _communicator, _stream)
                            : NcclLibrary.Receive((void*)address, (nuint)count, number, _peer, _communicator, _stream),
                        Doing);
                }
                NcclLibrary.Check(NcclLibrary.GroupEnd(), Doing);
            }
            CudaDriver.Synchronize(_stream);
            lock (_queue)
            {
                ExpectOpen();
                int problem;
                NcclLibrary.Check(NcclLibrary.CommGetAsyncError(_communicator, &problem), Doing);
                NcclLibrary.Check(problem, Doing);
            }
        }
    }

    /// <summary>Ends a transfer that is under way, too.</summary>
    public void Dispose()
    {
        lock (_queue)
        {
            if (_closed)
                return;
            _closed = true;
            // Abort, not destroy: a peer that is dead would make destroy wait for ever.
            _ = NcclLibrary.CommAbort(_communicator);
        }
        // A transfer that was under way still waits for the stream; it soon ends. One that does not costs a stream, not the process.
        if (!_transfer.TryEnter(LongestEnd))
            return;
        try
        {
            CudaDriver.DestroyStream(_stream);
            CudaDriver.DestroyEvent(_mark);
        }
        finally
        {
            _transfer.Exit();
        }
    }

    private void ExpectOpen()
    {
        if (_closed)
            throw new LinkException("the lane between the devices has been closed");
    }
}
