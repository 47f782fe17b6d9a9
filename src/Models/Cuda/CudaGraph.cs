using System.Runtime.InteropServices;
using StreamDiff.Models.Native;

namespace StreamDiff.Models.Cuda;

/// <summary>
/// A CUDA graph as libtorch records it (at::cuda::CUDAGraph, ATen/cuda/CUDAGraph.h): what is allocated while recording comes from a pool
/// that stays the graph's. libtorch has no C interface for it; its exported C++ functions are called by their names. A C++ exception cannot
/// cross such a call: whatever may throw is looked at before.
/// </summary>
internal sealed unsafe class CudaGraph : IRecording
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
    private readonly Action _ended;
    private nint _graph;

    private CudaGraph(CudaContext context, nint graph, Action ended) => (_context, _graph, _ended) = (context, graph, ended);

    /// <summary>False where this libtorch does not offer graphs under the names known here.</summary>
    public static bool IsOffered => Construct != null && CaptureBegin != null && CaptureEnd != null && ReplayGraph != null
        && Pool != null && Destroy != null;

    public long Bytes { get; private set; }

    /// <summary>The pool that its memory comes from, for graphs that never run at the same time.</summary>
    public PoolId Memory => Pool(_graph);

    /// <summary>Records on a stream of its own; nothing runs.</summary>
    /// <param name="context">Of the device.</param>
    /// <param name="stream">Where to record; not the device's own.</param>
    /// <param name="memory">Pool to share with graphs that never run at the same time; default for a new one.</param>
    /// <param name="issue">What is recorded.</param>
    /// <param name="ended">Called when the graph is disposed.</param>
    /// <exception cref="CudaException">It cannot be recorded.</exception>
    public static CudaGraph Record(CudaContext context, nint stream, PoolId memory, Action issue, Action ended)
    {
        var graph = (nint)NativeMemory.AlignedAlloc(ObjectBytes, 64);
        new Span<byte>((void*)graph, ObjectBytes).Clear();
        Construct(graph, 0);
        var before = Free();
        var outer = CudaStreams.Current(context.Index);
        CudaStreams.MakeCurrent(stream, context.Index);
        try
        {
            CaptureBegin(graph, memory.First, memory.Second, ThreadLocal);
            Exception? failure = null;
            try
            {
                issue();
            }
            catch (Exception e)
            {
                failure = e;
            }
            CudaDriver.Check(CudaDriver.cuStreamIsCapturing(stream, out var status), "cuStreamIsCapturing");
            if (status != CudaDriver.CaptureActive)
            {
                // libtorch would throw: the object is left as it is, and the stream is freed by the driver.
                if (CudaDriver.cuStreamEndCapture(stream, out var broken) == 0 && broken != 0)
                    CudaDriver.Ignore(CudaDriver.cuGraphDestroy(broken));
                throw new CudaException($"the tick cannot be recorded as a graph: {failure?.Message ?? "something in it may not be"}");
            }
            CaptureEnd(graph);
            var recorded = new CudaGraph(context, graph, failure is null ? ended : () => { }) { Bytes = Math.Max(before - Free(), 0) };
            if (failure is null)
                return recorded;
            recorded.Dispose();
            throw new CudaException($"the tick cannot be recorded as a graph: {failure.Message}");
        }
        finally
        {
            CudaStreams.MakeCurrent(outer, context.Index);
        }
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
        _ended();
    }

    private static long Free() => CudaDriver.cuMemGetInfo(out var free, out _) == 0 ? (long)free : 0;

    private static nint Find(string symbol) => LibTorch.TryExport(symbol);

    /// <summary>Names a pool of libtorch's allocator.</summary>
    internal readonly record struct PoolId(ulong First, ulong Second);
}
