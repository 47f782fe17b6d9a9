using System.Diagnostics;
using StreamDiff.Pipeline.Calibration;
using TorchSharp;

namespace StreamDiff.Bench.Hosts;

/// <summary>What this process holds and has used, at one moment.</summary>
/// <param name="Use">Processor time, and when.</param>
/// <param name="ResidentBytes">Resident memory.</param>
/// <param name="HeapBytes">Managed heap, what may be collected included.</param>
/// <param name="AllocatedBytes">Managed bytes allocated since the start.</param>
/// <param name="Collections">Garbage collections of generation 0, 1 and 2.</param>
/// <param name="Tensors">Tensors alive.</param>
/// <param name="Descriptors">Open file descriptors.</param>
/// <param name="Threads">Threads of the system.</param>
public sealed record ProcessState(
    ProcessorUse Use, long ResidentBytes, long HeapBytes, long AllocatedBytes, IReadOnlyList<int> Collections, long Tensors,
    int Descriptors, int Threads)
{
    /// <summary>Time stamp of <see cref="Stopwatch"/>.</summary>
    public long At => Use.At;

    public static ProcessState Now()
    {
        var outside = OutsideState.Of(Environment.ProcessId);
        return new ProcessState(
            ProcessorUse.Now(),
            outside.ResidentBytes,
            GC.GetTotalMemory(forceFullCollection: false),
            GC.GetTotalAllocatedBytes(),
            [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)],
            torch.Tensor.TotalCount,
            outside.Descriptors,
            outside.Threads);
    }

    /// <summary>Processors that this process kept busy since an earlier state.</summary>
    public double Processors(ProcessState before) => Use.Processors(before.Use);

    /// <summary>As <see cref="ProcessorUse.OtherProcessors"/>.</summary>
    public double? OtherProcessors(ProcessState before) => Use.OtherProcessors(before.Use);
}
