using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace StreamDiff.Models.Native;

/// <summary>
/// Loads libLibTorchSharp.so. The published binary needs libstdc++ of GCC 13; on Debian 12 and Ubuntu 22.04 the plain load fails and a patched
/// private copy in the user's cache is loaded in its place.
/// </summary>
internal static class TorchSharpLibrary
{
    private const string FileName = "libLibTorchSharp.so";

    public static (nint Handle, string Path, bool Patched) Load()
    {
        var path = Find();
        if (NativeLibrary.TryLoad(path, out var handle))
            return (handle, path, false);

        var image = File.ReadAllBytes(path);
        if (!LibstdcxxPatch.Apply(image))
        {
            // Not the known incompatibility: let the loader say what is wrong.
            try
            {
                return (NativeLibrary.Load(path), path, false);
            }
            catch (DllNotFoundException e)
            {
                throw new ModelException($"cannot load {path}: {e.Message.ReplaceLineEndings(" ")}", e);
            }
        }

        var copy = WriteCopy(image);
        return (NativeLibrary.Load(copy), copy, true);
    }

    private static string Find()
    {
        string[] candidates =
        [
            Path.Combine(AppContext.BaseDirectory, FileName),
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", FileName),
        ];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new ModelException($"{FileName} is missing beside the program ({AppContext.BaseDirectory}): build or publish it again");
    }

    private static string WriteCopy(byte[] image)
    {
        var cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache))
            cache = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        var folder = Path.Combine(cache, "streamdiff");
        var copy = Path.Combine(folder, $"LibTorchSharp-{Convert.ToHexString(SHA256.HashData(image))[..16]}.so");
        if (File.Exists(copy) && new FileInfo(copy).Length == image.Length)
            return copy;
        try
        {
            // Two processes may start at once: write aside, then rename over.
            Directory.CreateDirectory(folder);
            var draft = $"{copy}.{Environment.ProcessId}";
            File.WriteAllBytes(draft, image);
            File.Move(draft, copy, overwrite: true);
            return copy;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelException($"cannot write {folder}: {e.Message} (set XDG_CACHE_HOME to a writable folder)", e);
        }
    }
}
