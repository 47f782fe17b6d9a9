using System.Runtime.InteropServices;

namespace StreamDiff.Memory.Tests;

/// <summary>
/// What libraries have allocated and not given back, to the byte. Resident memory would also hold what the allocator keeps for later,
/// which grows with the number of threads that happened to allocate at the same time, and so with the load of the machine.
/// </summary>
internal static class NativeHeap
{
    /// <summary>Bytes in use of all arenas and of blocks with a mapping of their own (glibc 2.33, malloc.h: mallinfo2).</summary>
    public static long Used()
    {
        // What finalizers give back is not lost.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var info = mallinfo2();
        return (long)(info.Uordblks + info.Hblkhd);
    }

    [DllImport("libc")]
    private static extern MallocInfo mallinfo2();

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct MallocInfo
    {
        public readonly nuint Arena, Ordblks, Smblks, Hblks, Hblkhd, Usmblks, Fsmblks, Uordblks, Fordblks, Keepcost;
    }
}
