using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>A communicator's id: 128 bytes that one end makes and all must have.</summary>
[StructLayout(LayoutKind.Sequential, Size = Length)]
public unsafe struct NcclUniqueId
{
    public const int Length = 128;

    private fixed byte _bytes[Length];

    public static NcclUniqueId From(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Length)
            throw new ArgumentException($"an NCCL id has {Length} bytes, not {bytes.Length}", nameof(bytes));
        return MemoryMarshal.Read<NcclUniqueId>(bytes);
    }

    public readonly void CopyTo(Span<byte> bytes) => MemoryMarshal.Write(bytes, in this);
}

/// <summary>The functions of libnccl.so.2 that links use; plain C, the same for CUDA 12 and 13.</summary>
internal static unsafe partial class NcclLibrary
{
    private const string Nccl = "libnccl.so.2";
    private static readonly Lazy<string?> Missing = new(Look);

    /// <summary>Why NCCL cannot be used here; null when it can.</summary>
    public static string? Obstacle => Missing.Value;

    /// <summary>The library's number for a type; all types that travel have one.</summary>
    public static int TypeOf(ElementType type) => type switch
    {
        ElementType.U8 => 1,
        ElementType.I64 => 4,
        ElementType.F16 => 6,
        ElementType.F32 => 7,
        ElementType.F64 => 8,
        ElementType.BF16 => 9,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <exception cref="LinkException">The call failed.</exception>
    public static void Check(int result, string what)
    {
        if (result != 0)
            throw new LinkException($"NCCL: {what}: {Marshal.PtrToStringUTF8(GetErrorString(result))}");
    }

    [LibraryImport(Nccl, EntryPoint = "ncclGetVersion")]
    public static partial int GetVersion(int* version);

    [LibraryImport(Nccl, EntryPoint = "ncclGetUniqueId")]
    public static partial int GetUniqueId(NcclUniqueId* id);

    [LibraryImport(Nccl, EntryPoint = "ncclCommInitRank")]
    public static partial int CommInitRank(nint* communicator, int ranks, NcclUniqueId id, int rank);

    [LibraryImport(Nccl, EntryPoint = "ncclSend")]
    public static partial int Send(void* buffer, nuint count, int type, int peer, nint communicator, nint stream);

    [LibraryImport(Nccl, EntryPoint = "ncclRecv")]
    public static partial int Receive(void* buffer, nuint count, int type, int peer, nint communicator, nint stream);

    [LibraryImport(Nccl, EntryPoint = "ncclGroupStart")]
    public static partial int GroupStart();

    [LibraryImport(Nccl, EntryPoint = "ncclGroupEnd")]
    public static partial int GroupEnd();

    [LibraryImport(Nccl, EntryPoint = "ncclCommAbort")]
    public static partial int CommAbort(nint communicator);

    [LibraryImport(Nccl, EntryPoint = "ncclGetErrorString")]
    private static partial nint GetErrorString(int result);

    private static string? Look()
    {
        if (!NativeLibrary.TryLoad(Nccl, typeof(NcclLibrary).Assembly, null, out _))
            return $"{Nccl} is not on this machine";
        int version;
        return GetVersion(&version) == 0 && version >= 2_07_00 ? null : $"{Nccl} is too old: it needs point-to-point calls (2.7)";
    }
}
