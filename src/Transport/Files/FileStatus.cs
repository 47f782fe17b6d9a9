using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Files;

/// <summary>What the system keeps under a name, symbolic links followed.</summary>
/// <param name="Device">The file system.</param>
/// <param name="Inode">The file in it: equal for all names of one file, hard links too.</param>
/// <param name="Kind">The kind bits of its mode.</param>
internal readonly partial record struct FileStatus(ulong Device, ulong Inode, int Kind)
{
    private const int CurrentFolder = -100;
    private const uint KindAndInode = 0x101;
    private const int StatusBytes = 256;
    private const int KindMask = 0xF000;
    private const int Folder = 0x4000;
    private const int Regular = 0x8000;
    private const int BlockDevice = 0x6000;
    private const int NoEntry = 2;
    private const int NoFolder = 20;

    public bool IsFolder => Kind == Folder;

    public bool IsRegular => Kind == Regular;

    /// <summary>True where writing destroys what was there: a pipe, a terminal or /dev/null keeps nothing.</summary>
    public bool KeepsContent => Kind is Regular or BlockDevice;

    /// <summary>Null where there is nothing, with the system's words when the reason is another than that.</summary>
    public static unsafe FileStatus? Of(string path, out string? trouble)
    {
        Span<byte> status = stackalloc byte[StatusBytes];
        int result;
        fixed (byte* buffer = status)
        {
            result = Statx(CurrentFolder, path, 0, KindAndInode, buffer);
        }

        if (result != 0)
        {
            trouble = Marshal.GetLastPInvokeError() is NoEntry or NoFolder ? null : Marshal.GetLastPInvokeErrorMessage();
            return null;
        }

        trouble = null;
        var device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(status[136..]) << 32)
            | BinaryPrimitives.ReadUInt32LittleEndian(status[140..]);
        return new FileStatus(device, BinaryPrimitives.ReadUInt64LittleEndian(status[32..]),
            BinaryPrimitives.ReadUInt16LittleEndian(status[28..]) & KindMask);
    }

    // Its layout is the same on all machines, which that of stat is not.
    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int Statx(int folder, string path, int flags, uint mask, byte* status);
}
