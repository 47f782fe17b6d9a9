using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>The functions of libnccl.so.2 that links use; plain C, the same for CUDA 12 and 13.</summary>
internal static unsafe partial class NcclLibrary
{
    private const string Nccl = NcclSearch.FileName;

    // 2.7 brought calls from point to point; the version number has had five digits since 2.9.
    private const int FirstUsable = 2700;
    private static readonly Lazy<string?> Missing = new(Look);
    private static nint _handle;
    private static delegate* unmanaged<nint, byte*> _lastError;

    /// <summary>Folder of libtorch, near which pip lays NCCL. Set before the first use.</summary>
    public static string? TorchFolder { get; set; }

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
        if (result == 0)
            return;
        var detail = _lastError is null ? null : Marshal.PtrToStringUTF8((nint)_lastError(0))?.Trim().Split('\n')[^1];
        throw new LinkException(
            $"NCCL: {what}: {Marshal.PtrToStringUTF8(GetErrorString(result))}{(string.IsNullOrEmpty(detail) ? "" : $" ({detail})")}");
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

    [LibraryImport(Nccl, EntryPoint = "ncclCommGetAsyncError")]
    public static partial int CommGetAsyncError(nint communicator, int* result);

    [LibraryImport(Nccl, EntryPoint = "ncclCommAbort")]
    public static partial int CommAbort(nint communicator);

    [LibraryImport(Nccl, EntryPoint = "ncclGetErrorString")]
    private static partial nint GetErrorString(int result);

    private static string? Look()
    {
        _handle = NcclSearch.Load(TorchFolder);
        if (_handle == 0)
            return $"{Nccl} is not on this machine (looked for in "
                + $"{string.Join(", ", NcclSearch.Candidates(TorchFolder).Append("the system's folders"))})";
        NativeLibrary.SetDllImportResolver(typeof(NcclLibrary).Assembly, (name, _, _) => name == Nccl ? _handle : 0);
        if (NativeLibrary.TryGetExport(_handle, "ncclGetLastError", out var lastError))
            _lastError = (delegate* unmanaged<nint, byte*>)lastError;
        int version;
        return GetVersion(&version) == 0 && version >= FirstUsable ? null : $"{Nccl} is too old: it needs point-to-point calls (2.7)";
    }
}
