using System.Runtime.InteropServices;

namespace FFmpeg.AutoGen;

public static unsafe partial class ffmpeg
{
    // Set by the type's initializer, so that it is in place before the first call into any of the libraries.
    static ffmpeg() => NativeLibrary.SetDllImportResolver(typeof(ffmpeg).Assembly, (library, _, _) =>
        Layouts.Majors(0).ContainsKey(library) ? LibraryChoice.Load(library) : IntPtr.Zero);

    /// <summary>Folder searched before the system's own; empty (the default) means the system's only. Set it before any call.</summary>
    public static string RootPath { get; set; } = "";

    /// <summary>Major version of each library that is used.</summary>
    public static Dictionary<string, int> LibraryVersionMap => new(Layouts.Majors(LibraryChoice.Version));
}
