namespace StreamDiff.Transport.Media.Srt;

/// <summary>
/// What a caller names: a text, or keys and values as the access control guidelines of SRT write them, such as "#!::r=live/key,m=publish".
/// </summary>
/// <param name="Text">As it was sent.</param>
/// <param name="Resource">Its key r, else all of it.</param>
/// <param name="Mode">Its key m: request, publish or bidirectional; null where it says nothing.</param>
internal sealed record SrtStreamId(string Text, string Resource, string? Mode)
{
    private const string Marker = "#!::";

    /// <summary>True where the caller wants to be sent something, not to send.</summary>
    public bool IsRequest => Mode == "request";

    public static SrtStreamId Parse(string text)
    {
        if (!text.StartsWith(Marker, StringComparison.Ordinal))
        {
            return new SrtStreamId(text, text, null);
        }

        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in text[Marker.Length..].Split(','))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0)
            {
                values[part[..equals]] = part[(equals + 1)..];
            }
        }

        return new SrtStreamId(text, values.GetValueOrDefault("r") ?? "", values.GetValueOrDefault("m"));
    }

    /// <summary>True where it names what an address asks for: the same text, or the same resource.</summary>
    public bool Names(string wanted) => Same(wanted, Text) || Same(wanted, Resource);

    private static bool Same(string a, string b) => System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(
        System.Text.Encoding.UTF8.GetBytes(a), System.Text.Encoding.UTF8.GetBytes(b));
}
