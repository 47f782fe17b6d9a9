using System.Security.Cryptography;
using System.Text;
using StreamDiff.Models;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>
/// The secret that ranks share: 32 random bytes or more. Whoever is called can try out all that somebody may have thought of, so words and
/// other made-up secrets are refused. It is judged by its content, 4 KiB at most: text must be hexadecimal digits, or base64 with its
/// padding, on one line or several; what is no text counts as it is. The bytes that come of it must be 32 at least, and 16 of them
/// different, as random ones always are.
/// </summary>
public static class RankSecret
{
    /// <summary>Environment variable with the secret, where no file is named.</summary>
    public const string Variable = "STREAMDIFF_RANK_SECRET";

    private const int MostBytes = 4096;
    private const int LeastDifferent = 16;

    /// <summary>The secret of a file; without one that of the environment, or none (empty).</summary>
    /// <param name="file">Name of the file; null for the environment.</param>
    /// <exception cref="ModelException">It cannot be read, or does not hold 32 random bytes.</exception>
    public static byte[] Read(string? file)
    {
        if (file is not null)
            return Bytes(Content(file)) ?? throw Refused($"secret-file {file}");
        var text = Environment.GetEnvironmentVariable(Variable);
        return string.IsNullOrWhiteSpace(text) ? [] : Bytes(System.Text.Encoding.UTF8.GetBytes(text)) ?? throw Refused(Variable);
    }

    /// <summary>Makes a secret: a new file, as base64, for its owner alone.</summary>
    /// <exception cref="IOException">There is something of that name, or it cannot be written.</exception>
    public static void Make(string file)
    {
        string text;
        do
            text = Convert.ToBase64String(RandomNumberGenerator.GetBytes(LinkOptions.ShortestSecret));
        while (Bytes(System.Text.Encoding.UTF8.GetBytes(text)) is null);
        WholeFile.CreatePrivate(file, text + "\n");
    }

    /// <summary>The secret that a file or a variable holds; null where it is none.</summary>
    internal static byte[]? Bytes(byte[] content)
    {
        var bytes = content.Length > MostBytes ? null : Text(content) is { } text ? Decode(text) : content;
        return bytes is { Length: >= LinkOptions.ShortestSecret } && bytes.Distinct().Count() >= LeastDifferent ? bytes : null;
    }

    private static ModelException Refused(string what) =>
        new($"{what} does not hold {LinkOptions.ShortestSecret} random bytes (base64, hexadecimal or as they are): "
            + "'streamdiff secret FILE' makes such a secret, for all ranks and the run");

    private static byte[] Content(string file)
    {
        try
        {
            // No more than that: somebody may name a video, or a device without an end.
            using var stream = File.OpenRead(file);
            var content = new byte[MostBytes + 1];
            return content[..stream.ReadAtLeast(content, content.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new ModelException($"secret-file {file} cannot be read: {e.Message.TrimEnd('.')}", e);
        }
    }

    // Null for what is no text.
    private static string? Text(byte[] content)
    {
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(content);
            return text.Any(c => char.IsControl(c) && c is not ('\t' or '\n' or '\r')) ? null : text;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    // Line breaks do not count. Blanks within do: words are no secret, however many there are.
    private static byte[]? Decode(string text)
    {
        text = string.Concat(text.Trim().Split('\n', StringSplitOptions.TrimEntries));
        if (text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit))
            return Convert.FromHexString(text);
        // A word is base64 too, by chance; random bytes come with letters of both cases.
        if (text.Any(char.IsWhiteSpace) || !text.Any(char.IsAsciiLetterUpper) || !text.Any(char.IsAsciiLetterLower))
            return null;
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var count) ? bytes[..count] : null;
    }
}
