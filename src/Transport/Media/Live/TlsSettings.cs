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
        if (!IsSecured(address))
        {
            return options;
        }

        var all = new Dictionary<string, string>(options) { ["tls_verify"] = "1" };
        if (Environment.GetEnvironmentVariable(Authorities) is { Length: > 0 } file)
        {
            all["ca_file"] = file;
        }

        return all;
    }

    /// <summary>What to look at when such a server cannot be reached, which is all that FFmpeg tells; null for others.</summary>
    public static string? WhenUnreachable(MediaAddress address) =>
        IsSecured(address)
            ? $"nobody is there, or its certificate is not trusted ({Authorities} names a file of authorities to trust)"
            : null;

    private static bool IsSecured(MediaAddress address) =>
        Schemes.Any(scheme => address.Text.StartsWith(scheme, StringComparison.OrdinalIgnoreCase));
}
