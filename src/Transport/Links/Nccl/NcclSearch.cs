using System.Runtime.InteropServices;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>
/// Where libnccl.so.2 is: in the process already, which is so where a CUDA libtorch needs it; else beside libtorch, as pip and the libtorch
/// archives lay it; else where the system looks.
/// </summary>
internal static partial class NcclSearch
{
    public const string FileName = "libnccl.so.2";
    private const int Lazy = 1;
    private const int OnlyIfLoaded = 4;

    /// <summary>Files to try, in order.</summary>
    /// <param name="torch">Folder of libtorch; null when not known.</param>
    public static IEnumerable<string> Candidates(string? torch)
    {
        if (torch is null)
            yield break;
        yield return Path.Combine(torch, FileName);
        // pip: site-packages/torch/lib and site-packages/nvidia/nccl/lib.
        yield return Path.GetFullPath(Path.Combine(torch, "..", "..", "nvidia", "nccl", "lib", FileName));
    }

    /// <summary>A handle, or 0.</summary>
    public static nint Load(string? torch)
    {
        if (Loaded() is not 0 and var there)
            return there;
        foreach (var file in Candidates(torch))
            if (File.Exists(file) && NativeLibrary.TryLoad(file, out var found))
                return found;
        return NativeLibrary.TryLoad(FileName, out var system) ? system : 0;
    }

    private static nint Loaded()
    {
        try
        {
            return Open(FileName, Lazy | OnlyIfLoaded);
        }
        catch (Exception e) when (e is EntryPointNotFoundException or DllNotFoundException)
        {
            // A C library that keeps dlopen elsewhere: the other ways remain.
            return 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Open(string file, int flags);
}
