using System.Text.RegularExpressions;

namespace StreamDiff.Transport.Media.Live;

/// <summary>An input or output as the user wrote it, taken apart.</summary>
/// <param name="Text">As written.</param>
/// <param name="Kind">What it names.</param>
/// <param name="Target">Without the query: the file, device or URL.</param>
/// <param name="Query">What follows the question mark, by name; empty for files.</param>
public sealed partial record MediaAddress(string Text, MediaKind Kind, string Target, IReadOnlyDictionary<string, string> Query)
{
    private const string CameraScheme = "v4l2:";
    private const string ScreenScheme = "screen:";
    private const string BrowserScheme = "browser:";
    private const string HlsScheme = "hls:";

    /// <summary>Players of a playlist that this process serves, which nobody writes.</summary>
    public static MediaAddress Players { get; } = new("players", MediaKind.Players, "players", new Dictionary<string, string>());

    /// <summary>
    /// True where time does not wait: network protocols, cameras and screens. A web address counts when it names a playlist or a transport
    /// stream.
    /// </summary>
    public bool IsLive => Kind switch
    {
        MediaKind.File or MediaKind.Test or MediaKind.Null => false,
        MediaKind.Http => IsPlaylist || Target.EndsWith(".ts", StringComparison.OrdinalIgnoreCase),
        _ => true,
    };

    /// <summary>
    /// True where pictures come whole pieces of seconds at a time, as from an HLS playlist: their own times say when they are due, not
    /// their arrival.
    /// </summary>
    public bool ComesInPieces => Kind == MediaKind.Http && IsPlaylist;

    private bool IsPlaylist => Target.EndsWith(".m3u8", StringComparison.OrdinalIgnoreCase);

    /// <summary>True where the other side is waited for, not called.</summary>
    public bool IsListener => Kind switch
    {
        MediaKind.RtmpListen or MediaKind.Browser or MediaKind.Relay or MediaKind.Players => true,
        MediaKind.Other => Query.TryGetValue("listen", out var listen) && listen != "0",
        _ => Query.TryGetValue("mode", out var mode) && mode == "listener",
    };

    /// <summary>True where an input can only wait until somebody sends: a listener, or a port without connections.</summary>
    public bool WaitsForSender => IsListener || Kind == MediaKind.Udp || Target.StartsWith("rtp://", StringComparison.OrdinalIgnoreCase);

    /// <summary>Without its secrets, see <see cref="AddressSecrets"/>; as it is printed, also by itself.</summary>
    public string Shown => Kind is MediaKind.File or MediaKind.Test or MediaKind.Null ? Text : AddressSecrets.HideAddress(Text);

    public override string ToString() => Shown;

    // What was written says everything.
    public bool Equals(MediaAddress? other) => other?.Text == Text;

    public override int GetHashCode() => Text.GetHashCode(StringComparison.Ordinal);

    /// <summary>Takes an address apart; whatever has no known scheme is a file.</summary>
    public static MediaAddress Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var kind = KindOf(text);
        if (kind is MediaKind.File or MediaKind.Test or MediaKind.Null)
        {
            return new MediaAddress(text, kind, text, new Dictionary<string, string>());
        }

        var mark = text.IndexOf('?', StringComparison.Ordinal);
        var target = mark < 0 ? text : text[..mark];
        var query = ParseQuery(mark < 0 ? "" : text[(mark + 1)..]);
        if (kind == MediaKind.Rtmp && query.TryGetValue("listen", out var listen) && listen != "0")
        {
            kind = MediaKind.RtmpListen;
        }

        return new MediaAddress(text, kind, WithoutScheme(target), query);
    }

    /// <summary>
    /// The end of a message about a file that is not there: how to write the address that it was perhaps meant to be; else empty.
    /// </summary>
    public static string Hint(string file) =>
        Misspelt().Match(file) is { Success: true } match
            ? $"; if it is an address, write {match.Groups[1].Value.ToLowerInvariant()}://{match.Groups[2].Value}"
            : "";

    private static MediaKind KindOf(string text)
    {
        if (text == "null:")
        {
            return MediaKind.Null;
        }

        if (text.StartsWith("test:", StringComparison.Ordinal))
        {
            return MediaKind.Test;
        }

        if (text.StartsWith(CameraScheme, StringComparison.Ordinal))
        {
            return MediaKind.Camera;
        }

        if (text.StartsWith(ScreenScheme, StringComparison.Ordinal))
        {
            return MediaKind.Screen;
        }

        if (text.StartsWith(HlsScheme, StringComparison.Ordinal))
        {
            return MediaKind.Hls;
        }

        if (text.StartsWith(BrowserScheme, StringComparison.Ordinal))
        {
            return MediaKind.Browser;
        }

        var end = text.IndexOf("://", StringComparison.Ordinal);
        return (end < 0 ? "" : text[..end].ToLowerInvariant()) switch
        {
            "" or "file" => MediaKind.File,
            "rtmp" or "rtmps" or "rtmpt" or "rtmpe" => MediaKind.Rtmp,
            "srt" => MediaKind.Srt,
            "udp" => MediaKind.Udp,
            "http" or "https" => MediaKind.Http,
            "relay" => MediaKind.Relay,
            _ => MediaKind.Other,
        };
    }

    private static string WithoutScheme(string target) =>
        target.StartsWith(CameraScheme, StringComparison.Ordinal) ? target[CameraScheme.Length..]
        : target.StartsWith(ScreenScheme, StringComparison.Ordinal) ? target[ScreenScheme.Length..]
        : target.StartsWith(HlsScheme, StringComparison.Ordinal) ? target[HlsScheme.Length..]
        : target;

    private static Dictionary<string, string> ParseQuery(string text)
    {
        var query = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in text.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            query[equals < 0 ? part : part[..equals]] = equals < 0 ? "" : part[(equals + 1)..];
        }

        return query;
    }

    [GeneratedRegex("^(rtmps?|srt|udp|https?|rtsp)(?:[:;]/?|[:;]?//)([^/].*)$", RegexOptions.IgnoreCase)]
    private static partial Regex Misspelt();
}
