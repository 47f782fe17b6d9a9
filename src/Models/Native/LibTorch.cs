using System.Runtime.InteropServices;

namespace StreamDiff.Models.Native;

/// <summary>What was loaded, for <c>streamdiff doctor</c>.</summary>
/// <param name="Folder">Folder of libtorch_cpu.so.</param>
/// <param name="FoundBy">The rule that chose the folder.</param>
/// <param name="Version">Version that libtorch itself reports, such as 2.10.0.</param>
/// <param name="TorchSharpLibrary">The libLibTorchSharp.so in use.</param>
/// <param name="Patched">True when the system's libstdc++ is older than GCC 13's and a copy patched in memory is in use.</param>
/// <param name="HasCuda">True when the folder also holds libtorch_cuda.so.</param>
public sealed record LibTorchInfo(string Folder, string FoundBy, string Version, string TorchSharpLibrary, bool Patched, bool HasCuda);

/// <summary>
/// Finds libtorch and loads it, in the order that TorchSharp needs, before any TorchSharp type is touched. TorchSharp's own search would
/// copy half a gigabyte into the bin folder and cannot be told to use another libtorch.
/// </summary>
public static class LibTorch
{
    /// <summary>Environment variable that names a libtorch or pip torch <c>lib</c> folder, CPU or CUDA.</summary>
    public const string FolderVariable = "STREAMDIFF_LIBTORCH";

    /// <summary>Version 2.10 of the stable interface, the first one used here and the one that calls are written against.</summary>
    internal const ulong AbiVersion = 0x020A_0000_0000_0000;

    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Handles = [];
    private static LibTorchInfo? _info;

    /// <summary>Loads libtorch once per process; later calls return what the first one found.</summary>
    /// <exception cref="ModelException">No usable libtorch; the message says where it was looked for and what to do.</exception>
    public static LibTorchInfo Load()
    {
        lock (Gate)
            return _info ??= LoadOnce();
    }

    /// <summary>Address of a function exported by libtorch_cpu.so, or by libtorch_cuda.so where that is loaded.</summary>
    internal static nint Export(string symbol) => TryExport(symbol) is not 0 and var address
        ? address
        : throw new ModelException($"libtorch in {_info!.Folder} has no function {symbol}: use libtorch 2.10 or newer");

    /// <summary>The same; 0 where there is none.</summary>
    internal static nint TryExport(string symbol)
    {
        Load();
        foreach (var library in (string[])["libtorch_cpu.so", "libtorch_cuda.so", "libc10.so"])
            if (Handles.TryGetValue(library, out var handle) && NativeLibrary.TryGetExport(handle, symbol, out var address))
                return address;
        return 0;
    }

    private static LibTorchInfo LoadOnce()
    {
        NativeHeap.ShareArenas();
        var (folder, foundBy) = LibTorchFolder.Find();
        // A missing libtorch_cuda is fine; where it is present it must be in before the first torch call, which looks up CUDA once for all.
        foreach (var name in (string[])["libc10.so", "libc10_cuda.so", "libtorch_cpu.so", "libtorch_cuda.so", "libtorch.so"])
        {
            var path = Path.Combine(folder, name);
            if (!name.Contains("cuda", StringComparison.Ordinal) || File.Exists(path))
                Handles[name] = LoadLibrary(path);
        }

        var (torchSharp, library, patched) = TorchSharpLibrary.Load();
        Handles["libLibTorchSharp.so"] = torchSharp;
        NativeLibrary.SetDllImportResolver(typeof(TorchSharp.torch).Assembly, (name, _, _) => Resolve(name));
        return new LibTorchInfo(folder, foundBy, ReportedVersion(), library, patched, Handles.ContainsKey("libtorch_cuda.so"));
    }

    private static nint LoadLibrary(string path)
    {
        try
        {
            return NativeLibrary.Load(path);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new ModelException($"cannot load {path}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    private static nint Resolve(string name) =>
        Handles.TryGetValue(name, out var handle) || Handles.TryGetValue($"lib{name}.so", out handle) ? handle : 0;

    private static unsafe string ReportedVersion()
    {
        if (!NativeLibrary.TryGetExport(Handles["libtorch_cpu.so"], "aoti_torch_abi_version", out var function))
            throw new ModelException("libtorch is older than 2.10: its stable C interface is missing");
        var version = ((delegate* unmanaged<ulong>)function)();
        return $"{version >> 56}.{(version >> 48) & 0xff}.{(version >> 40) & 0xff}";
    }
}
