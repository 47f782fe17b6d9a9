using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Peers;

/// <summary>
/// The last handles of the process are not for peers that have shown nothing yet: where there is none at all, .NET can begin no thread, and
/// ends.
/// </summary>
internal static partial class HandleReserve
{
    private const uint Handles = 16;

    // RLIMIT_NOFILE, getrlimit(2).
    private const int OpenFiles = 7;

    /// <summary>True where a connection has one of the last: a new one is the lowest that is free, so that all below are taken.</summary>
    public static bool Holds(Socket socket) =>
        GetLimit(OpenFiles, out var limit) == 0 && limit.Soft < int.MaxValue && (ulong)socket.Handle + Handles >= limit.Soft;

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Soft;
        public ulong Hard;
    }
}
