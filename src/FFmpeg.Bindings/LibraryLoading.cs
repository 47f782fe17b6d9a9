using System.Reflection;
using System.Runtime.InteropServices;

namespace FFmpeg.AutoGen;

public static unsafe partial class ffmpeg
{
    private static readonly string[] SystemFolders =
    [
        "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib",
    ];

    // Set by the type's initializer, so that it is in place before the first call into any of the libraries; each is loaded on first use.
    static ffmpeg() => NativeLibrary.SetDllImportResolver(typeof(ffmpeg).Assembly, Resolve);

    /// <summary>Folder searched before the system's own; empty (the default) means the system's only.</summary>
    public static string RootPath { get; set; } = "";

    internal static string FileName(string library, int major) => $"lib{library}.so.{major}";

    /// <summary>The one line a user sees when a library is missing or of another major version.</summary>
    internal static string MissingLibraryMessage(string library, int major, IReadOnlyCollection<string> found)
    {
        var seen = found.Count == 0 ? "none is installed" : $"found {string.Join(", ", found)}, which has another binary layout";
        return $"FFmpeg library {FileName(library, major)} is needed, {seen}: install the package lib{library}{major} "
            + $"(Debian 12: apt-get install lib{library}{major}), or run scripts/generate-ffmpeg-bindings for the installed version and "
            + "rebuild.";
    }

    /// <summary>Files of the library, of any major version, in the given folders.</summary>
    internal static string[] FindVersions(string library, IEnumerable<string> folders) =>
        folders.Where(folder => folder.Length > 0 && Directory.Exists(folder))
            .SelectMany(folder => Directory.GetFiles(folder, $"lib{library}.so.*"))
            .Select(file => Path.GetFileName(file))
            .Where(file => file.Count(character => character == '.') == 2)
            .Distinct().Order(StringComparer.Ordinal).ToArray();

    private static IntPtr Resolve(string library, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (!LibraryVersionMap.TryGetValue(library, out var major))
        {
            return IntPtr.Zero;
        }

        var file = FileName(library, major);
        if ((RootPath.Length > 0 && NativeLibrary.TryLoad(Path.Combine(RootPath, file), out var handle))
            || NativeLibrary.TryLoad(file, out handle))
        {
            return handle;
        }

        throw new DllNotFoundException(MissingLibraryMessage(library, major, FindVersions(library, [RootPath, .. SystemFolders])));
    }
}
