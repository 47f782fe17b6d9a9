using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>The few calls of the CUDA driver that a link needs: the device's context for its threads, and a stream for each direction.</summary>
internal static unsafe partial class CudaDriver
{
    private const string Cuda = "libcuda.so.1";
    private const uint NonBlocking = 1;

    /// <summary>Makes a device's primary context, which libtorch uses too, that of the calling thread.</summary>
    /// <exception cref="LinkException">There is no such device.</exception>
    public static void UseDevice(int device)
    {
        nint context;
        Check(Init(0), "start");
        Check(RetainPrimaryContext(&context, device), $"device {device}");
        Check(SetCurrentContext(context), $"device {device}");
    }

    public static nint CreateStream()
    {
        nint stream;
        Check(StreamCreate(&stream, NonBlocking), "stream");
        return stream;
    }

    public static void Synchronize(nint stream) => Check(StreamSynchronize(stream), "wait for a transfer");

    public static void DestroyStream(nint stream) => _ = StreamDestroy(stream);

    private static void Check(int result, string what)
    {
        if (result != 0)
            throw new LinkException($"CUDA driver: {what}: error {result}");
    }

    [LibraryImport(Cuda, EntryPoint = "cuInit")]
    private static partial int Init(uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial int RetainPrimaryContext(nint* context, int device);

    [LibraryImport(Cuda, EntryPoint = "cuCtxSetCurrent")]
    private static partial int SetCurrentContext(nint context);

    [LibraryImport(Cuda, EntryPoint = "cuStreamCreate")]
    private static partial int StreamCreate(nint* stream, uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuStreamSynchronize")]
    private static partial int StreamSynchronize(nint stream);

    [LibraryImport(Cuda, EntryPoint = "cuStreamDestroy_v2")]
    private static partial int StreamDestroy(nint stream);
}
