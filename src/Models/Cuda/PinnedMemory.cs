namespace StreamDiff.Models.Cuda;

/// <summary>Page-locked host memory with the event of the last copy from or to it.</summary>
internal sealed class PinnedMemory : IHostMemory
{
    private readonly CudaContext _context;
    private readonly nint _copied;
    private bool _isDisposed;

    public PinnedMemory(CudaContext context, int bytes)
    {
        _context = context;
        Bytes = bytes;
        using (context.Enter())
        {
            CudaDriver.Check(CudaDriver.cuEventCreate(out _copied, CudaDriver.EventWithoutTime), "cuEventCreate");
            CudaDriver.Check(CudaDriver.cuMemHostAlloc(out var address, (nuint)bytes, 0), "cuMemHostAlloc");
            Address = address;
        }
    }

    public nint Address { get; }

    public int Bytes { get; }

    /// <summary>A copy from or to it has been given to a stream.</summary>
    public void Copied(nint stream) => CudaDriver.Check(CudaDriver.cuEventRecord(_copied, stream), "cuEventRecord");

    public void Wait() => CudaDriver.Check(CudaDriver.cuEventSynchronize(_copied), "a tick on the device");

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        using (_context.Enter())
        {
            CudaDriver.Ignore(CudaDriver.cuEventSynchronize(_copied));
            CudaDriver.Ignore(CudaDriver.cuEventDestroy(_copied));
            CudaDriver.Ignore(CudaDriver.cuMemFreeHost(Address));
        }
    }
}
