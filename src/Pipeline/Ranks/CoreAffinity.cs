using System.Runtime.InteropServices;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Ties a thread to a core, so that ranks on one processor do not share one; for measurements.</summary>
public static unsafe partial class CoreAffinity
{
    private const int MostCores = 1024;

    /// <summary>Pins the calling thread, and the threads that it starts natively, to a core.</summary>
    /// <exception cref="InvalidOperationException">There is no such core for this process.</exception>
    public static void PinThisThread(int core)
    {
        if (core is < 0 or >= MostCores)
            throw new ArgumentOutOfRangeException(nameof(core));
        var mask = stackalloc ulong[MostCores / 64];
        new Span<ulong>(mask, MostCores / 64).Clear();
        mask[core / 64] = 1UL << (core % 64);
        // 0: this thread.
        if (SetAffinity(0, MostCores / 8, mask) != 0)
            throw new InvalidOperationException($"this process may not run on core {core}");
    }

    [LibraryImport("libc", EntryPoint = "sched_setaffinity", SetLastError = true)]
    private static partial int SetAffinity(int thread, nuint size, ulong* mask);
}
