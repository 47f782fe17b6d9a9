using System.Runtime.InteropServices;

namespace StreamDiff.Models.Native;

/// <summary>
/// The C library's heap, from which CPU tensors come. By default each thread gets an arena of its own and keeps what was freed in it:
/// threads that come and go (ranks, sessions, connections) leave their pages behind, a gigabyte after forty lost ranks. Two arenas are
/// shared by all instead.
/// </summary>
public static partial class NativeHeap
{
    private const int Arenas = 2;

    // malloc.h of glibc.
    private const int MaximumArenas = -8;
    private const string UsersChoice = "MALLOC_ARENA_MAX";

    /// <summary>Sets the number of arenas; a choice by <c>MALLOC_ARENA_MAX</c> or another C library stays as it is.</summary>
    internal static void ShareArenas()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(UsersChoice) is not null)
            return;
        try
        {
            _ = Mallopt(MaximumArenas, Arenas);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc: there are no such arenas.
        }
    }

    /// <summary>
    /// Gives the free pages of the heap back to the system. Takes milliseconds: for moments such as the end of a session, when much has
    /// been freed.
    /// </summary>
    public static void Trim()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = MallocTrim(0);
        }
        catch (EntryPointNotFoundException)
        {
            // Not glibc.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int MallocTrim(nuint pad);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int Mallopt(int parameter, int value);
}
