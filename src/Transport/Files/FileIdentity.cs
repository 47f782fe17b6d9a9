using System.Runtime.InteropServices;
using System.Text;

namespace StreamDiff.Transport.Files;

/// <summary>Which file a name stands for, whether it is there yet or not.</summary>
/// <param name="RealPath">The name at the end of all symbolic links, also of those that lead to nothing yet.</param>
/// <param name="Status">What is there; null for nothing.</param>
/// <param name="Folder">The folder that holds, or would hold, it; null where there is none yet.</param>
internal sealed partial record FileIdentity(string RealPath, FileStatus? Status, FileStatus? Folder)
{
    private const int MostLinks = 40;
    private const int LongestPath = 4096;

    public string Name => Path.GetFileName(RealPath);

    public static FileIdentity Of(string path)
    {
        var real = Resolve(path);
        return new FileIdentity(real, FileStatus.Of(path, out _), FileStatus.Of(Path.GetDirectoryName(real) ?? "/", out _));
    }

    /// <summary>True when what is written to one is written to the other.</summary>
    public bool Is(FileIdentity other) => Status is { } mine && other.Status is { } its
        ? mine.KeepsContent && mine == its
        : Status is null && other.Status is null && IsBeside(other) && Name == other.Name;

    /// <summary>True for files of one folder.</summary>
    public bool IsBeside(FileIdentity other) => Folder is { } mine && other.Folder is { } its
        ? mine == its
        : Folder is null && other.Folder is null && Path.GetDirectoryName(RealPath) == Path.GetDirectoryName(other.RealPath);

    // As the system does it: ".." after a link is the folder above the link's target, which GetFullPath does not know.
    private static string Resolve(string path)
    {
        var raw = Path.Combine(Environment.CurrentDirectory, path);
        for (var link = 0; link < MostLinks; link++)
        {
            var slash = raw.LastIndexOf('/');
            if (raw[(slash + 1)..] is not (var name and not ("" or "." or "..")))
            {
                break;
            }

            var folder = RealFolder(slash == 0 ? "/" : raw[..slash]);
            raw = Path.Combine(folder, name);
            if (new FileInfo(raw).LinkTarget is not { } target)
            {
                return raw;
            }

            raw = Path.Combine(folder, target);
        }

        return Path.GetFullPath(raw);
    }

    private static unsafe string RealFolder(string folder)
    {
        Span<byte> real = stackalloc byte[LongestPath];
        fixed (byte* buffer = real)
        {
            return RealPathOf(folder, buffer) == 0 ? Path.GetFullPath(folder) : Encoding.UTF8.GetString(real[..real.IndexOf((byte)0)]);
        }
    }

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial nint RealPathOf(string path, byte* real);
}
