using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace StreamDiff.Models.Native;

/// <summary>
/// Loads libLibTorchSharp.so. The published binary needs libstdc++ of GCC 13; on Debian 12 and Ubuntu 22.04 the plain load fails, and a
/// patched copy is loaded from memory in its place: nothing is written, so a user without a home folder, or a service that may write
/// nowhere, needs nothing more.
/// </summary>
internal static partial class TorchSharpLibrary
{
    private const string FileName = "libLibTorchSharp.so";

    // linux/memfd.h
    private const uint CloseOnExec = 1;
    private const uint Executable = 0x10;

    public static (nint Handle, string Path, bool Patched) Load()
    {
        var path = Find();
        if (NativeLibrary.TryLoad(path, out var handle))
            return (handle, path, false);

        var image = File.ReadAllBytes(path);
        var patched = LibstdcxxPatch.Apply(image);
        try
        {
            // Where it is not the known incompatibility, the loader says what is wrong.
            return (patched ? LoadFromMemory(image) : NativeLibrary.Load(path), path, patched);
        }
        catch (Exception e) when (e is DllNotFoundException or IOException)
        {
            var hint = patched
                ? " (a copy in memory that is patched for this system's libstdc++; with libstdc++ of GCC 13 or newer none is needed)"
                : "";
            throw new ModelException($"cannot load {path}: {e.Message.ReplaceLineEndings(" ")}{hint}", e);
        }
    }

    private static string Find()
    {
        string[] candidates =
        [
            Path.Combine(AppContext.BaseDirectory, FileName),
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", FileName),
        ];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new ModelException($"{FileName} is missing beside the program ({AppContext.BaseDirectory}): build, publish or "
                + "install it again");
    }

    private static nint LoadFromMemory(ReadOnlySpan<byte> image)
    {
        // Kernels before 6.3 do not know the second flag; newer ones may be set to refuse code from such memory without it.
        var descriptor = MemoryFile(FileName, CloseOnExec | Executable);
        if (descriptor < 0)
            descriptor = MemoryFile(FileName, CloseOnExec);
        if (descriptor < 0)
            throw new IOException($"no memory for it: {Marshal.GetLastPInvokeErrorMessage()}");
        // What the loader has mapped stays when the descriptor is closed.
        using var memory = new SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(memory, image, fileOffset: 0);
        return NativeLibrary.Load($"/proc/self/fd/{descriptor}");
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);
}
