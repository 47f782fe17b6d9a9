namespace StreamDiff.Transport.Media.Live;

/// <summary>
/// FFmpeg connects to any server that speaks TLS, whoever it is; a stream key would go to whoever sits in between. Here certificates are
/// checked against the system's authorities, or those of the file that <c>SSL_CERT_FILE</c> names.
/// </summary>
internal static class TlsSettings
{
    private const string Authorities = "SSL_CERT_FILE";
    private static readonly string[] Schemes = ["rtmps:", "https:", "tls:"];

    /// <summary>The options, and those of TLS where the address needs it.</summary>
    public static IReadOnlyDictionary<string, string> With(IReadOnlyDictionary<string, string> options, MediaAddress address)
    {
        var all = new Dictionary<string, string>(options);
        foreach (var (key, value) in Of(address.Text))
        {
            all[key] = value;
        }

        return all;
    }

    /// <summary>The options of TLS for an address that FFmpeg opens; none where it may not lead to one that needs them.</summary>
    public static IEnumerable<(string Key, string Value)> Of(string url)
    {
        // A web address without TLS may be redirected to one with it.
        if (!IsSecured(url) && !url.StartsWith("http:", StringComparison.OrdinalIgnoreCase))
        {
            yield break;
        }

        yield return ("tls_verify", "1");
        if (Environment.GetEnvironmentVariable(Authorities) is { Length: > 0 } file)
        {
            yield return ("ca_file", file);
        }
    }

    /// <summary>What to look at when such a server cannot be reached, which is all that FFmpeg tells; null for others.</summary>
    public static string? WhenUnreachable(MediaAddress address) =>
        IsSecured(address.Text)
            ? $"nobody is there, or its certificate is not trusted ({Authorities} names a file of authorities to trust)"
            : null;

    // Also within another protocol, such as crypto+https: and cache:https:.
    private static bool IsSecured(string url) =>
        Schemes.Any(scheme => url.Contains(scheme, StringComparison.OrdinalIgnoreCase));
}
