using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>Where publishers are awaited and what they must name.</summary>
/// <param name="Host">Address of this machine, or * for all.</param>
/// <param name="Port">TCP port, 0 for any free one.</param>
/// <param name="App">The application that a publisher must name; empty for any.</param>
/// <param name="Key">The stream key that a publisher must name; empty for any.</param>
internal sealed record RtmpAddress(string Host, int Port, string App, string Key)
{
    /// <summary>True when a new publisher with the right key ends the one that is there (<c>override=1</c>). Default false.</summary>
    public bool Overrides { get; init; }

    /// <summary>PEM file of the certificate by which the port speaks TLS (<c>cert=</c>); null for none.</summary>
    public string? Certificate { get; init; }

    /// <summary>PEM file of the certificate's key (<c>cert-key=</c>); null where it is in the certificate's file.</summary>
    public string? CertificateKey { get; init; }

    /// <summary>True where publishers speak TLS.</summary>
    public bool IsSecured => Certificate is not null;

    private const int DefaultPort = 1935;
    private const int DefaultSecuredPort = 443;

    /// <summary>Reads rtmp://host:port/app/key; the last part of the path is the key.</summary>
    /// <exception cref="MediaException">It is none.</exception>
    public static RtmpAddress Parse(MediaAddress address)
    {
        var isSecured = address.Target.StartsWith("rtmps://", StringComparison.OrdinalIgnoreCase);
        if (!isSecured && !address.Target.StartsWith("rtmp://", StringComparison.OrdinalIgnoreCase))
        {
            throw new MediaException($"'{address.Shown}': only rtmp:// and rtmps:// can be listened for.");
        }

        var certificate = address.Query.GetValueOrDefault("cert");
        if (isSecured != certificate is { Length: > 0 })
        {
            throw new MediaException(
                isSecured
                    ? $"'{address.Shown}' needs a certificate: rtmps://0.0.0.0:443/live/key?listen=1&cert=FILE.pem&cert-key=FILE.pem."
                    : $"'{address.Shown}': a certificate is for rtmps://.");
        }

        if (!Uri.TryCreate(address.Target.Replace("://*", "://0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri))
        {
            throw new MediaException($"'{address.Shown}' is not understood: write rtmp://0.0.0.0:1935/live/key?listen=1.");
        }

        var parts = Uri.UnescapeDataString(uri.AbsolutePath).Split('/', StringSplitOptions.RemoveEmptyEntries);
        var app = parts.Length > 1 ? string.Join('/', parts[..^1]) : parts.FirstOrDefault() ?? "";
        var port = uri.Port >= 0 ? uri.Port : isSecured ? DefaultSecuredPort : DefaultPort;
        return new RtmpAddress(uri.Host, port, app, parts.Length > 1 ? parts[^1] : "")
        {
            Overrides = address.Query.TryGetValue("override", out var value) && value != "0",
            Certificate = certificate,
            CertificateKey = address.Query.GetValueOrDefault("cert-key"),
        };
    }

    /// <summary>True when a publisher's application is the wanted one; a query behind it does not count.</summary>
    public bool AcceptsApp(string app) => App.Length == 0 || App == WithoutQuery(app).Trim('/');

    /// <summary>True when a publisher's stream key is the wanted one.</summary>
    public bool AcceptsKey(string key) => Key.Length == 0 || System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(
        System.Text.Encoding.UTF8.GetBytes(Key), System.Text.Encoding.UTF8.GetBytes(WithoutQuery(key)));

    private static string WithoutQuery(string text) => text.Split('?')[0];
}
