using System.Diagnostics;

namespace StreamDiff.Bench.Hosts;

/// <summary>What the system sees of a process.</summary>
/// <param name="At">Time stamp of <see cref="Stopwatch"/>.</param>
/// <param name="ResidentBytes">Resident memory.</param>
/// <param name="Descriptors">Open file descriptors.</param>
/// <param name="Threads">Threads of the system.</param>
public readonly record struct OutsideState(long At, long ResidentBytes, int Descriptors, int Threads)
{
    /// <exception cref="ArgumentException">There is no such process.</exception>
    public static OutsideState Of(int process)
    {
        using var found = Process.GetProcessById(process);
        var descriptors = $"/proc/{process}/fd";
        return new OutsideState(
            Stopwatch.GetTimestamp(), found.WorkingSet64,
            Directory.Exists(descriptors) ? Directory.EnumerateFileSystemEntries(descriptors).Count() : 0, found.Threads.Count);
    }
}
