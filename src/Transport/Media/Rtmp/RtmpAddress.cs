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

    private const int DefaultPort = 1935;

    /// <summary>Reads rtmp://host:port/app/key; the last part of the path is the key.</summary>
    /// <exception cref="MediaException">It is none.</exception>
    public static RtmpAddress Parse(MediaAddress address)
    {
        if (!address.Target.StartsWith("rtmp://", StringComparison.OrdinalIgnoreCase))
        {
            throw new MediaException(
                $"'{address.Shown}': only plain rtmp:// can be listened for; for rtmps put nginx or stunnel in front.");
        }

        if (!Uri.TryCreate(address.Target.Replace("://*", "://0.0.0.0", StringComparison.Ordinal), UriKind.Absolute, out var uri))
        {
            throw new MediaException($"'{address.Shown}' is not understood: write rtmp://0.0.0.0:1935/live/key?listen=1.");
        }

        var parts = Uri.UnescapeDataString(uri.AbsolutePath).Split('/', StringSplitOptions.RemoveEmptyEntries);
        var app = parts.Length > 1 ? string.Join('/', parts[..^1]) : parts.FirstOrDefault() ?? "";
        return new RtmpAddress(uri.Host, uri.Port < 0 ? DefaultPort : uri.Port, app, parts.Length > 1 ? parts[^1] : "")
        {
            Overrides = address.Query.TryGetValue("override", out var value) && value != "0",
        };
    }

    /// <summary>True when a publisher's application is the wanted one; a query behind it does not count.</summary>
    public bool AcceptsApp(string app) => App.Length == 0 || App == WithoutQuery(app).Trim('/');

    /// <summary>True when a publisher's stream key is the wanted one.</summary>
    public bool AcceptsKey(string key) => Key.Length == 0 || System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(
        System.Text.Encoding.UTF8.GetBytes(Key), System.Text.Encoding.UTF8.GetBytes(WithoutQuery(key)));

    private static string WithoutQuery(string text) => text.Split('?')[0];
}
