using System.Runtime.InteropServices;
using StreamDiff.Models.Native;

namespace StreamDiff.Models.Cuda;

/// <summary>
/// A CUDA graph as libtorch records it (at::cuda::CUDAGraph, ATen/cuda/CUDAGraph.h): what is allocated while recording comes from a pool
/// that stays the graph's. libtorch has no C interface for it; its exported C++ functions are called by their names. A C++ exception cannot
/// cross such a call: whatever may throw is looked at before.
/// </summary>
internal sealed unsafe class CudaGraph : IDisposable
{
    // Far more than the object takes in any release.
    private const int ObjectBytes = 4096;
    private const int ThreadLocal = 1;

    private static readonly delegate* unmanaged<nint, byte, void> Construct =
        (delegate* unmanaged<nint, byte, void>)Find("_ZN2at4cuda9CUDAGraphC1Eb");

    private static readonly delegate* unmanaged<nint, ulong, ulong, int, void> CaptureBegin =
        (delegate* unmanaged<nint, ulong, ulong, int, void>)Find("_ZN2at4cuda9CUDAGraph13capture_beginESt4pairIyyE21cudaStreamCaptureMode");

    private static readonly delegate* unmanaged<nint, void> CaptureEnd =
        (delegate* unmanaged<nint, void>)Find("_ZN2at4cuda9CUDAGraph11capture_endEv");

    private static readonly delegate* unmanaged<nint, void> ReplayGraph =
        (delegate* unmanaged<nint, void>)Find("_ZN2at4cuda9CUDAGraph6replayEv");

    private static readonly delegate* unmanaged<nint, PoolId> Pool =
        (delegate* unmanaged<nint, PoolId>)Find("_ZN2at4cuda9CUDAGraph4poolEv");

    private static readonly delegate* unmanaged<nint, void> Destroy =
        (delegate* unmanaged<nint, void>)Find("_ZN2at4cuda9CUDAGraphD1Ev");

    private readonly CudaContext _context;
    private readonly nint _stream;
    private readonly long _freeBefore;
    private nint _graph;

    private CudaGraph(CudaContext context, nint stream, nint graph, long freeBefore) =>
        (_context, _stream, _graph, _freeBefore) = (context, stream, graph, freeBefore);

    /// <summary>False where this libtorch does not offer graphs under the names known here.</summary>
    public static bool IsOffered => Construct != null && CaptureBegin != null && CaptureEnd != null && ReplayGraph != null
        && Pool != null && Destroy != null;

    /// <summary>Memory of the device that it took, about.</summary>
    public long Bytes { get; private set; }

    /// <summary>The pool that its memory comes from, for graphs that never run at the same time.</summary>
    public PoolId Memory => Pool(_graph);

    /// <summary>From now on what is given to a stream is recorded, and does not run.</summary>
    /// <param name="context">Of the device.</param>
    /// <param name="stream">Where to record, current on this thread; not the device's own.</param>
    /// <param name="memory">Pool to share with graphs that never run at the same time; default for a new one.</param>
    public static CudaGraph Begin(CudaContext context, nint stream, PoolId memory)
    {
        var graph = (nint)NativeMemory.AlignedAlloc(ObjectBytes, 64);
        new Span<byte>((void*)graph, ObjectBytes).Clear();
        Construct(graph, 0);
        var before = Free();
        CaptureBegin(graph, memory.First, memory.Second, ThreadLocal);
        return new CudaGraph(context, stream, graph, before);
    }

    /// <summary>Ends the recording.</summary>
    /// <exception cref="CudaException">Something in it cannot be recorded; the graph is of no use.</exception>
    public void End()
    {
        CudaDriver.Check(CudaDriver.cuStreamIsCapturing(_stream, out var status), "cuStreamIsCapturing");
        if (status != CudaDriver.CaptureActive)
        {
            // libtorch would throw: the object is left as it is, and the stream is freed by the driver.
            if (CudaDriver.cuStreamEndCapture(_stream, out var broken) == 0 && broken != 0)
                CudaDriver.Ignore(CudaDriver.cuGraphDestroy(broken));
            _graph = 0;
            throw new CudaException("something in it may not be");
        }
        CaptureEnd(_graph);
        Bytes = Math.Max(_freeBefore - Free(), 0);
    }

    public void Replay() => ReplayGraph(_graph);

    public void Dispose()
    {
        if (_graph == 0)
            return;
        using (_context.Enter())
            Destroy(_graph);
        NativeMemory.AlignedFree((void*)_graph);
        _graph = 0;
    }

    private static long Free() => CudaDriver.cuMemGetInfo(out var free, out _) == 0 ? (long)free : 0;

    private static nint Find(string symbol) => LibTorch.TryExport(symbol);

    /// <summary>Names a pool of libtorch's allocator.</summary>
    internal readonly record struct PoolId(ulong First, ulong Second);
}
