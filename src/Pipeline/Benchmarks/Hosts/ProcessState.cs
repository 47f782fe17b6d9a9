using System.Diagnostics;
using System.Globalization;
using TorchSharp;

namespace StreamDiff.Pipeline.Benchmarks.Hosts;

/// <summary>What this process holds and has used, at one moment.</summary>
/// <param name="At">Time stamp of <see cref="Stopwatch"/>.</param>
/// <param name="ResidentBytes">Resident memory.</param>
/// <param name="HeapBytes">Managed heap, what may be collected included.</param>
/// <param name="AllocatedBytes">Managed bytes allocated since the start.</param>
/// <param name="Collections">Garbage collections of generation 0, 1 and 2.</param>
/// <param name="Tensors">Tensors alive.</param>
/// <param name="Descriptors">Open file descriptors.</param>
/// <param name="Threads">Threads of the system.</param>
/// <param name="Cpu">Processor time of all threads.</param>
/// <param name="MachineBusy">Processor time of everything on this machine; null where the system does not tell.</param>
public sealed record ProcessState(
    long At, long ResidentBytes, long HeapBytes, long AllocatedBytes, IReadOnlyList<int> Collections, long Tensors, int Descriptors, int Threads, TimeSpan Cpu, TimeSpan? MachineBusy)
{
    private const double TicksPerSecond = 100;

    public static ProcessState Now()
    {
        using var process = Process.GetCurrentProcess();
        return new ProcessState(
            Stopwatch.GetTimestamp(),
            process.WorkingSet64,
            GC.GetTotalMemory(forceFullCollection: false),
            GC.GetTotalAllocatedBytes(),
            [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)],
            torch.Tensor.TotalCount,
            Directory.Exists("/proc/self/fd") ? Directory.EnumerateFileSystemEntries("/proc/self/fd").Count() : 0,
            process.Threads.Count,
            process.TotalProcessorTime,
            Busy());
    }

    /// <summary>Processors that this process kept busy since an earlier state.</summary>
    public double Processors(ProcessState before) => (Cpu - before.Cpu) / Stopwatch.GetElapsedTime(before.At, At);

    /// <summary>Processors that everything else on the machine kept busy since; null where the system does not tell. More than a few hundredths spoil figures.</summary>
    public double? OtherProcessors(ProcessState before) =>
        MachineBusy is { } now && before.MachineBusy is { } then ? Math.Max(0, (now - then) / Stopwatch.GetElapsedTime(before.At, At) - Processors(before)) : null;

    // user, nice, system, idle, iowait, irq, softirq, steal
    private static TimeSpan? Busy()
    {
        if (!File.Exists("/proc/stat"))
            return null;
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(8).Select(f => double.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        return fields.Length < 8 ? null : TimeSpan.FromSeconds((fields.Sum() - fields[3] - fields[4]) / TicksPerSecond);
    }
}
