using System.Runtime.InteropServices;

namespace FFmpeg.AutoGen;

/// <summary>Which FFmpeg version of those that the bindings know is used: the newest whose libavformat can be loaded.</summary>
internal static class LibraryChoice
{
    // It brings libavcodec, libswresample and libavutil of its version along; an older one that an upgrade left behind may lack the rest.
    private const string Telling = "avformat";

    private static readonly string[] SystemFolders =
    [
        "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib",
    ];

    /// <summary>Number of the version in <see cref="Layouts"/>; the newest where none is installed.</summary>
    public static int Version { get; } = Choose(Layouts.Count, version => TryLoad(Telling, Layouts.Majors(version)[Telling], out _));

    /// <summary>Loads a library of the chosen version; each is loaded on first use.</summary>
    /// <exception cref="DllNotFoundException">It is not there: says in one line what to install.</exception>
    public static IntPtr Load(string library)
    {
        var major = Layouts.Majors(Version)[library];
        return TryLoad(library, major, out var handle)
            ? handle
            : throw new DllNotFoundException(MissingMessage(library, major, Installed(library, [ffmpeg.RootPath, .. SystemFolders])));
    }

    /// <summary>The newest version that is there; the newest of all where none is.</summary>
    internal static int Choose(int count, Func<int, bool> isThere)
    {
        for (var version = count - 1; version >= 0; version--)
        {
            if (isThere(version))
            {
                return version;
            }
        }

        return count - 1;
    }

    /// <summary>The one line a user sees when a library is missing or too old.</summary>
    internal static string MissingMessage(string library, int major, IReadOnlyCollection<string> found)
    {
        var majors = Enumerable.Range(0, Layouts.Count).Select(version => Layouts.Majors(version)[library]).ToList();
        if (found.Contains(FileName(library, major)))
        {
            return $"FFmpeg library {FileName(library, major)} is installed and cannot be loaded: 'ldd' on it names what it lacks.";
        }

        // Where one of them is there, it is of the version that the other libraries have.
        return found.Count == 0
            ? $"FFmpeg library lib{library} is needed, none is installed: apt-get install ffmpeg."
            : majors.Any(known => found.Contains(FileName(library, known)))
                ? $"FFmpeg library {FileName(library, major)} is needed, found {string.Join(", ", found)}: "
                    + $"apt-get install lib{library}{major}."
                : $"FFmpeg library lib{library} is needed in a version from {majors[0]} (FFmpeg 5.1) to {majors[^1]}, found "
                    + $"{string.Join(", ", found)}: upgrade FFmpeg, or run scripts/generate-ffmpeg-bindings for it.";
    }

    /// <summary>Files of the library, of any major version, in the given folders.</summary>
    internal static string[] Installed(string library, IEnumerable<string> folders) =>
        folders.Where(folder => folder.Length > 0 && Directory.Exists(folder))
            .SelectMany(folder => Directory.GetFiles(folder, $"lib{library}.so.*"))
            .Select(file => Path.GetFileName(file))
            .Where(file => file.Count(character => character == '.') == 2)
            .Distinct().Order(StringComparer.Ordinal).ToArray();

    private static string FileName(string library, int major) => $"lib{library}.so.{major}";

    private static bool TryLoad(string library, int major, out IntPtr handle) =>
        (ffmpeg.RootPath.Length > 0 && NativeLibrary.TryLoad(Path.Combine(ffmpeg.RootPath, FileName(library, major)), out handle))
        || NativeLibrary.TryLoad(FileName(library, major), out handle);
}
