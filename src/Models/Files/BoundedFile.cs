using System.Text;

namespace StreamDiff.Models.Files;

/// <summary>
/// Small files that people write: read whole, but never more than they may have, whatever a name turns out to be (a video, a device
/// without an end).
/// </summary>
public static class BoundedFile
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>All bytes.</summary>
    /// <param name="path">The file, or a pipe.</param>
    /// <param name="most">Most bytes that are read.</param>
    /// <exception cref="IOException">It cannot be read, or has more.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static byte[] Read(string path, int most)
    {
        try
        {
            using var file = File.OpenRead(path);
            using var bytes = new MemoryStream();
            var part = new byte[1 << 16];
            for (int count; (count = file.Read(part)) > 0;)
            {
                if (bytes.Length + count > most)
                    throw new IOException($"it has more than {most >> 10} KiB");
                bytes.Write(part, 0, count);
            }
            return bytes.ToArray();
        }
        catch (ArgumentException e)
        {
            // No name, or one that no file can have.
            throw new IOException($"'{path.Replace("\0", "\\0", StringComparison.Ordinal)}' is no name of a file", e);
        }
    }

    /// <summary>The text of a file in UTF-8.</summary>
    /// <param name="path">The file, or a pipe.</param>
    /// <param name="most">Most bytes that are read.</param>
    /// <exception cref="IOException">It cannot be read, has more, or is no such text.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static string ReadText(string path, int most)
    {
        ReadOnlySpan<byte> bytes = Read(path, most);
        if (bytes.StartsWith(Encoding.UTF8.Preamble))
            bytes = bytes[Encoding.UTF8.Preamble.Length..];
        try
        {
            var text = Strict.GetString(bytes);
            return text.Contains('\0', StringComparison.Ordinal) ? throw new IOException("it is no text") : text;
        }
        catch (DecoderFallbackException e)
        {
            throw new IOException($"it is no text in UTF-8 (byte {e.Index})", e);
        }
    }
}
