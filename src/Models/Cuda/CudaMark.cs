using System.Collections.Concurrent;

namespace StreamDiff.Models.Cuda;

/// <summary>A place in the stream that is current on the thread that makes it.</summary>
internal sealed class CudaMark : IDeviceMark
{
    // libtorch holds the devices' contexts as long as the process lives; so may this.
    private static readonly ConcurrentDictionary<int, CudaContext> Contexts = [];

    private readonly CudaContext _context;
    private readonly nint _event;
    private bool _isDisposed;

    /// <exception cref="CudaException">It cannot be made.</exception>
    public CudaMark(int device)
    {
        _context = Contexts.GetOrAdd(device, index => new CudaContext(index));
        using (_context.Enter())
        {
            CudaDriver.Check(CudaDriver.cuEventCreate(out _event, 0), "cuEventCreate");
            try
            {
                CudaDriver.Check(CudaDriver.cuEventRecord(_event, CudaStreams.Current(device)), "cuEventRecord");
            }
            catch
            {
                CudaDriver.Ignore(CudaDriver.cuEventDestroy(_event));
                throw;
            }
        }
    }

    public bool IsReached => CudaDriver.cuEventQuery(_event) != CudaDriver.NotReady;

    public void Wait() => CudaDriver.Check(CudaDriver.cuEventSynchronize(_event), "a tick on the device");

    public TimeSpan Since(IDeviceMark earlier)
    {
        CudaDriver.Check(CudaDriver.cuEventElapsedTime(out var milliseconds, ((CudaMark)earlier)._event, _event), "cuEventElapsedTime");
        return TimeSpan.FromMilliseconds(milliseconds);
    }

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        using (_context.Enter())
            CudaDriver.Ignore(CudaDriver.cuEventDestroy(_event));
    }
}
