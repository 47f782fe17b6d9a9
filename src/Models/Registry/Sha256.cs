using System.Security.Cryptography;

namespace StreamDiff.Models.Registry;

internal static class Sha256
{
    public static bool IsHex(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigit);

    /// <summary>Hash of a whole file; <paramref name="read"/> is told how many bytes were read so far.</summary>
    public static string OfFile(string path, Action<long>? read = null, CancellationToken cancellation = default)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, path, read, cancellation);
        return Finish(hash);
    }

    /// <summary>Adds a file's bytes to a running hash.</summary>
    public static void Append(IncrementalHash hash, string path, Action<long>? read = null, CancellationToken cancellation = default)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        var buffer = new byte[1 << 20];
        long total = 0;
        for (int n; (n = stream.Read(buffer)) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            hash.AppendData(buffer, 0, n);
            read?.Invoke(total += n);
        }
    }

    public static string Finish(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetHashAndReset());
}
