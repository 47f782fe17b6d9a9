using System.Text;
using System.Text.RegularExpressions;

namespace StreamDiff.Transport.Media.Live;

/// <summary>
/// Leaves out of addresses what opens doors: passwords, stream keys, tokens. What of a query may be shown is listed, not what may not: a
/// server may call its token anything.
/// </summary>
public static partial class AddressSecrets
{
    private const string Hidden = "***";

    // Settings of FFmpeg's protocols and ours; no server gives access by them.
    private static readonly HashSet<string> Harmless = new(StringComparer.OrdinalIgnoreCase)
    {
        "listen", "override", "cert", "cert-key", "mode", "latency", "rcvlatency", "peerlatency", "pbkeylen", "connect_timeout", "timeout",
        "listen_timeout",
        "linger", "pkt_size", "buffer_size", "fifo_size", "overrun_nonfatal", "localaddr", "localport", "reuse", "ttl", "maxbw", "inputbw",
        "oheadbw", "tlpktdrop", "transtype", "messageapi", "payload_size", "mss", "ffs", "ipttl", "iptos", "nakreport", "sndbuf", "rcvbuf",
        "size", "rate", "format", "duration", "bitrate", "rw_timeout", "stimeout", "rtsp_transport", "sources", "block", "dscp",
    };

    /// <summary>One address as a whole, without its secrets.</summary>
    public static string HideAddress(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var match = Scheme().Match(address);
        return match is { Success: true, Index: 0 }
            ? match.Value + Rest(match.Groups[1].Value, address[match.Length..], keepsExamples: false)
            : HideValues(address);
    }

    /// <summary>Any text with the secrets of the addresses in it left out.</summary>
    public static string Hide(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return !text.AsSpan().ContainsAny('/', '=')
            ? text
            : HideValues(Address().Replace(
                text, match => match.Groups[1].Value + Rest(match.Groups[1].Value, match.Groups[2].Value, keepsExamples: true)));
    }

    // user:password@host/path?query#fragment
    private static string Rest(string scheme, string rest, bool keepsExamples)
    {
        var shown = new StringBuilder();
        var end = rest.AsSpan().IndexOfAny('/', '?', '#');
        var host = end < 0 ? rest : rest[..end];
        var path = end < 0 ? "" : rest[end..];
        var at = host.LastIndexOf('@');
        if (at >= 0)
        {
            var colon = host.IndexOf(':', StringComparison.Ordinal);
            shown.Append(colon >= 0 && colon < at ? $"{host[..colon]}:{Hidden}" : Hidden);
            host = host[at..];
        }

        shown.Append(host);
        var mark = path.AsSpan().IndexOfAny('?', '#');
        var (plain, query) = mark < 0 ? (path, "") : (path[..mark], path[mark..]);
        shown.Append(scheme.Contains("rtmp", StringComparison.OrdinalIgnoreCase) ? KeyHidden(plain, query, keepsExamples) : plain);
        return shown.Append(query.Length > 0 ? Query(query) : "").ToString();
    }

    // /app/key, /key, /app/instance/key; a listener's only part is the application.
    private static string KeyHidden(string path, string query, bool keepsExamples)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var isListener = ListenSetting().IsMatch(query);
        if (parts.Length == 0 || (parts.Length == 1 && isListener) || (keepsExamples && parts[^1] is "key" or "stream-key" or "my-key"))
        {
            return path;
        }

        return parts.Length == 1 ? $"/{Hidden}" : $"/{parts[0]}/{Hidden}";
    }

    private static string Query(string query)
    {
        var mark = query.IndexOf('#', StringComparison.Ordinal);
        var (settings, fragment) = mark < 0 ? (query, "") : (query[..mark], $"#{Hidden}");
        if (settings.Length <= 1)
        {
            return settings + fragment;
        }

        var parts = settings[1..].Split('&').Select(part =>
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            return equals < 0
                ? Harmless.Contains(part) || part.Length == 0 || part == Hidden ? part : Hidden
                : Harmless.Contains(part[..equals]) ? part : $"{part[..equals]}={Hidden}";
        });
        return $"?{string.Join('&', parts)}{fragment}";
    }

    // Also without an address around them, as in the options of librtmp, which stand behind a blank.
    private static string HideValues(string text) => Named().Replace(text, $"$1={Hidden}");

    [GeneratedRegex(@"^([a-z][a-z0-9+.-]*)[:;]/{2}", RegexOptions.IgnoreCase)]
    private static partial Regex Scheme();

    // Misspelt ones too: rtmp:/host/app/key, rtmp//host/app/key.
    [GeneratedRegex(@"\b([a-z][a-z0-9+.-]*[:;]//|(?:rtmp[a-z]*|srt|https?|rtsps?|ftps?|udp|tcp|tls)(?:[:;]/?|//))([^\s'""<>\\|,)]+)",
        RegexOptions.IgnoreCase)]
    private static partial Regex Address();

    [GeneratedRegex(@"\b(passphrase|streamid|pubpasswd|passwd|password|pwd|token|auth|sig|signature|secret)=[^&\s'""]+",
        RegexOptions.IgnoreCase)]
    private static partial Regex Named();

    [GeneratedRegex(@"[?&]listen=[^0]", RegexOptions.IgnoreCase)]
    private static partial Regex ListenSetting();
}
