using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Cuda;

/// <summary>
/// The few calls of the CUDA driver that links need beside libtorch's: streams of their own, so that what travels does not queue up behind
/// what is computed.
/// </summary>
internal static unsafe partial class CudaDriver
{
    private const string Cuda = "libcuda.so.1";
    private const uint NonBlocking = 1;
    private const uint WithoutTiming = 2;
    private const int PeerAccessAlreadyEnabled = 704;

    private static readonly ConcurrentDictionary<int, nint> Contexts = new();
    private static readonly ConcurrentDictionary<(int, int), bool> Peers = new();

    /// <summary>The device's primary context, which libtorch uses too.</summary>
    /// <exception cref="LinkException">There is no such device.</exception>
    public static nint ContextOf(int device) => Contexts.GetOrAdd(device, static d =>
    {
        int handle;
        nint context;
        Check(Init(0), "start");
        Check(DeviceGet(&handle, d), $"device {d}");
        Check(RetainPrimaryContext(&context, handle), $"device {d}");
        return context;
    });

    /// <summary>Makes a device the calling thread's until the scope ends; then the one before is the thread's again.</summary>
    /// <exception cref="LinkException">There is no such device.</exception>
    public static DeviceScope Use(int device)
    {
        var context = ContextOf(device);
        Check(PushContext(context), $"device {device}");
        return new DeviceScope(context);
    }

    /// <summary>
    /// Lets the thread's device reach the memory of another one directly, where the machine can do that. Copies go through the host where
    /// it cannot.
    /// </summary>
    public static void Reach(int device, int from) => Peers.GetOrAdd((device, from), static pair =>
    {
        int possible, peer, own;
        Check(DeviceGet(&peer, pair.Item1), "peer");
        Check(DeviceGet(&own, pair.Item2), "peer");
        Check(CanAccessPeer(&possible, own, peer), "peer");
        return possible != 0 && EnablePeerAccess(ContextOf(pair.Item1), 0) is 0 or PeerAccessAlreadyEnabled;
    });

    /// <summary>A stream on the thread's device that waits for no other.</summary>
    public static nint NewStream()
    {
        nint stream;
        Check(StreamCreate(&stream, NonBlocking), "stream");
        return stream;
    }

    /// <summary>An event on the thread's device.</summary>
    public static nint NewEvent()
    {
        nint mark;
        Check(EventCreate(&mark, WithoutTiming), "event");
        return mark;
    }

    /// <summary>
    /// A stream goes on when everything has been done that libtorch has queued so far on the thread's device. Memory that libtorch hands
    /// out may have been let go by work that is still queued; its own order of work protects only its own stream.
    /// </summary>
    public static void AfterComputation(nint stream, nint mark)
    {
        // 0 is the default stream, on which TorchSharp, having no others, queues everything.
        Check(EventRecord(mark, 0), "event");
        Check(StreamWaitEvent(stream, mark, 0), "event");
    }

    public static void Synchronize(nint stream) => Check(StreamSynchronize(stream), "wait for a transfer");

    public static void CopyToHost(void* host, nint device, long bytes, nint stream) =>
        Check(CopyDeviceToHost(host, device, (nuint)bytes, stream), "copy to the host");

    public static void CopyBetween(nint destination, int destinationDevice, nint source, int sourceDevice, long bytes, nint stream) =>
        Check(CopyPeer(destination, ContextOf(destinationDevice), source, ContextOf(sourceDevice), (nuint)bytes, stream),
            $"copy from device {sourceDevice} to {destinationDevice}");

    /// <summary>Memory on the thread's device, filled with one value.</summary>
    public static nint Allocate(int bytes, byte value)
    {
        nint address;
        Check(MemoryAllocate(&address, (nuint)bytes), "memory");
        Check(MemorySet(address, value, (nuint)bytes), "memory");
        return address;
    }

    public static void Free(nint address) => _ = MemoryFree(address);

    public static void DestroyStream(nint stream) => _ = StreamDestroy(stream);

    public static void DestroyEvent(nint mark) => _ = EventDestroy(mark);

    private static void Check(int result, string what)
    {
        if (result == 0)
            return;
        byte* name = null;
        _ = ErrorName(result, &name);
        throw new LinkException($"CUDA: {what}: {Marshal.PtrToStringUTF8((nint)name) ?? "error"} ({result})");
    }

    /// <summary>See <see cref="Use"/>.</summary>
    public readonly ref struct DeviceScope(nint context)
    {
        public void Dispose()
        {
            var own = context;
            _ = PopContext(&own);
        }
    }

    [LibraryImport(Cuda, EntryPoint = "cuInit")]
    private static partial int Init(uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuGetErrorName")]
    private static partial int ErrorName(int error, byte** name);

    [LibraryImport(Cuda, EntryPoint = "cuDeviceGet")]
    private static partial int DeviceGet(int* device, int ordinal);

    [LibraryImport(Cuda, EntryPoint = "cuDevicePrimaryCtxRetain")]
    private static partial int RetainPrimaryContext(nint* context, int device);

    [LibraryImport(Cuda, EntryPoint = "cuCtxPushCurrent_v2")]
    private static partial int PushContext(nint context);

    [LibraryImport(Cuda, EntryPoint = "cuCtxPopCurrent_v2")]
    private static partial int PopContext(nint* context);

    [LibraryImport(Cuda, EntryPoint = "cuDeviceCanAccessPeer")]
    private static partial int CanAccessPeer(int* possible, int device, int peer);

    [LibraryImport(Cuda, EntryPoint = "cuCtxEnablePeerAccess")]
    private static partial int EnablePeerAccess(nint peerContext, uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuStreamCreate")]
    private static partial int StreamCreate(nint* stream, uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuStreamSynchronize")]
    private static partial int StreamSynchronize(nint stream);

    [LibraryImport(Cuda, EntryPoint = "cuStreamWaitEvent")]
    private static partial int StreamWaitEvent(nint stream, nint mark, uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuStreamDestroy_v2")]
    private static partial int StreamDestroy(nint stream);

    [LibraryImport(Cuda, EntryPoint = "cuEventCreate")]
    private static partial int EventCreate(nint* mark, uint flags);

    [LibraryImport(Cuda, EntryPoint = "cuEventRecord")]
    private static partial int EventRecord(nint mark, nint stream);

    [LibraryImport(Cuda, EntryPoint = "cuEventDestroy_v2")]
    private static partial int EventDestroy(nint mark);

    [LibraryImport(Cuda, EntryPoint = "cuMemAlloc_v2")]
    private static partial int MemoryAllocate(nint* address, nuint bytes);

    [LibraryImport(Cuda, EntryPoint = "cuMemFree_v2")]
    private static partial int MemoryFree(nint address);

    [LibraryImport(Cuda, EntryPoint = "cuMemsetD8_v2")]
    private static partial int MemorySet(nint address, byte value, nuint bytes);

    [LibraryImport(Cuda, EntryPoint = "cuMemcpyDtoHAsync_v2")]
    private static partial int CopyDeviceToHost(void* host, nint device, nuint bytes, nint stream);

    [LibraryImport(Cuda, EntryPoint = "cuMemcpyPeerAsync")]
    private static partial int CopyPeer(
        nint destination, nint destinationContext, nint source, nint sourceContext, nuint bytes, nint stream);
}
