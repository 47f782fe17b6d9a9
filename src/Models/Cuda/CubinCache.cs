using System.Security.Cryptography;
using System.Text;

namespace StreamDiff.Models.Cuda;

/// <summary>
/// Compiled kernels on disk, by a hash of source, options and compiler's folder: <c>$XDG_CACHE_HOME/streamdiff/cubin</c>, or
/// <c>~/.cache/streamdiff/cubin</c>. Each file ends with a hash of what is before it, so that a damaged one is compiled again. Only a
/// folder of the user's own is used, which nobody else may enter; without one, kernels are compiled at every start.
/// </summary>
internal static class CubinCache
{
    /// <exception cref="CudaException">It had to be compiled, and could not be.</exception>
    public static byte[] Get(string source, IReadOnlyList<string> options)
    {
        var folder = Folder();
        var key = SHA256.HashData(Encoding.UTF8.GetBytes($"{source}\n{string.Join('\n', options)}\n{Native.LibTorch.Load().Folder}"));
        var path = folder is null ? null : Path.Combine(folder, $"{Convert.ToHexStringLower(key)}.cubin");
        if (path is not null && Read(path) is { } known)
            return known;
        var image = Nvrtc.Compile(source, options);
        if (path is not null)
            Write(path, image);
        return image;
    }

    private static byte[]? Read(string path)
    {
        try
        {
            var content = File.ReadAllBytes(path);
            var body = content.AsSpan(0, Math.Max(content.Length - SHA256.HashSizeInBytes, 0));
            return content.AsSpan(body.Length).SequenceEqual(SHA256.HashData(body)) ? body.ToArray() : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Write(string path, byte[] image)
    {
        try
        {
            // Beside it and renamed: another process may be doing the same.
            var part = $"{path}.{Environment.ProcessId}";
            File.WriteAllBytes(part, [.. image, .. SHA256.HashData(image)]);
            File.Move(part, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Then it is compiled again the next time.
        }
    }

    private static string? Folder()
    {
        if (OperatingSystem.IsWindows())
            return null;
        const UnixFileMode own = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache) || !Path.IsPathRooted(cache))
        {
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            if (string.IsNullOrEmpty(home) || !Path.IsPathRooted(home))
                return null;
            cache = Path.Combine(home, ".cache");
        }
        try
        {
            var folder = Path.Combine(cache, "streamdiff", "cubin");
            Directory.CreateDirectory(folder, own);
            // Refused by the system where the folder is somebody else's.
            File.SetUnixFileMode(folder, own);
            return folder;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
