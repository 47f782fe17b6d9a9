namespace StreamDiff.Models.Cuda;

/// <summary>
/// The context of a device that libtorch shares (the primary one). Calls of the driver go to the context that is current on the thread,
/// which for any device but the first need not be this one: <see cref="Enter"/> makes it so for a while.
/// </summary>
internal sealed class CudaContext : IDisposable
{
    private readonly nint _context;
    private readonly int _device;
    private bool _isDisposed;

    /// <param name="index">Number of the device, from 0.</param>
    /// <exception cref="CudaException">There is no driver, or no such device.</exception>
    public CudaContext(int index)
    {
        try
        {
            CudaDriver.Check(CudaDriver.cuInit(0), "cuInit");
            CudaDriver.Check(CudaDriver.cuDeviceGet(out _device, index), "cuDeviceGet");
            CudaDriver.Check(CudaDriver.cuDeviceGetAttribute(out var major, CudaDriver.CapabilityMajor, _device), "cuDeviceGetAttribute");
            CudaDriver.Check(CudaDriver.cuDeviceGetAttribute(out var minor, CudaDriver.CapabilityMinor, _device), "cuDeviceGetAttribute");
            CudaDriver.Check(
                CudaDriver.cuDeviceGetAttribute(out var processors, CudaDriver.ProcessorCount, _device), "cuDeviceGetAttribute");
            (Capability, Processors) = ((major, minor), processors);
            CudaDriver.Check(CudaDriver.cuDevicePrimaryCtxRetain(out _context, _device), "cuDevicePrimaryCtxRetain");
        }
        catch (DllNotFoundException)
        {
            throw new CudaException("libcuda.so.1, part of the NVIDIA driver, was not found");
        }
        Index = index;
    }

    public int Index { get; }

    /// <summary>Compute capability, such as (9, 0).</summary>
    public (int Major, int Minor) Capability { get; }

    /// <summary>Streaming multiprocessors.</summary>
    public int Processors { get; }

    /// <summary>Makes the context current on this thread until the result is disposed, on the same thread.</summary>
    public Scope Enter()
    {
        CudaDriver.Check(CudaDriver.cuCtxPushCurrent(_context), "cuCtxPushCurrent");
        return new Scope(true);
    }

    public void Dispose()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        CudaDriver.Ignore(CudaDriver.cuDevicePrimaryCtxRelease(_device));
    }

    internal readonly ref struct Scope(bool isEntered)
    {
        public void Dispose()
        {
            if (isEntered)
                CudaDriver.Ignore(CudaDriver.cuCtxPopCurrent(out _));
        }
    }
}
