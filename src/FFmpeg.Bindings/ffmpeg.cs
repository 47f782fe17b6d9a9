using System.Reflection;
using System.Runtime.InteropServices;

namespace FFmpeg.AutoGen;

// The hand-written part of the bindings, under the names that the FFmpeg.AutoGen package uses, so that the package can take this project's place.
#pragma warning disable CA1707, CA1711, CA2211, IDE1006, CS8981 // The names are FFmpeg's own.

/// <summary>Functions, constants and macros of FFmpeg's libraries.</summary>
public static unsafe partial class ffmpeg
{
    /// <summary>Folder that the libraries are looked for in first; empty for the system's own search.</summary>
    public static string RootPath { get; set; } = "";

    public static readonly int EPERM = 1;
    public static readonly int ENOENT = 2;
    public static readonly int EIO = 5;
    public static readonly int EAGAIN = 11;
    public static readonly int ENOMEM = 12;
    public static readonly int EACCES = 13;
    public static readonly int EINVAL = 22;
    public static readonly int ENOSPC = 28;
    public static readonly int EPIPE = 32;
    public static readonly int ETIMEDOUT = 110;

    static ffmpeg() => NativeLibrary.SetDllImportResolver(typeof(ffmpeg).Assembly, Resolve);

    /// <summary>FFmpeg's error code of an errno.</summary>
    public static int AVERROR(int errno) => -errno;

    public static double av_q2d(AVRational a) => a.num / (double)a.den;

    public static AVRational av_inv_q(AVRational q) => new() { num = q.den, den = q.num };

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (!LibraryVersionMap.TryGetValue(name, out var major))
            return 0;
        var file = $"lib{name}.so.{major}";
        if (RootPath.Length > 0 && NativeLibrary.TryLoad(Path.Combine(RootPath, file), out var handle))
            return handle;
        if (NativeLibrary.TryLoad(file, out handle))
            return handle;
        throw new DllNotFoundException(
            $"{file} (FFmpeg 5.1) was not found{OtherMajor(name)}: install it with 'apt-get install lib{name}{major}', or build with -p:UseFFmpegAutoGen=true for another FFmpeg");
    }

    private static string OtherMajor(string name)
    {
        string[] folders = [RootPath, "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/lib", "/usr/lib"];
        var found = folders.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, $"lib{name}.so.*"))
            .Select(Path.GetFileName).FirstOrDefault(f => f!.Split('.').Length == 3);
        return found is null ? "" : $", only {found} is installed";
    }
}

/// <summary>Kept for the package's shape: these bindings load each library when it is first called.</summary>
public static class DynamicallyLoadedBindings
{
    public static void Initialize()
    {
    }
}
