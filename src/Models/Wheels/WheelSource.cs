using System.Net;
using System.Text.RegularExpressions;
using StreamDiff.Models.Registry.Download;

namespace StreamDiff.Models.Wheels;

/// <summary>Where a wheel can be had.</summary>
/// <param name="Name">Its file's name.</param>
/// <param name="Wheel">The same, read.</param>
/// <param name="Address">http, https or file.</param>
/// <param name="Sha256">As the index states it; null where it does not.</param>
internal sealed record WheelLink(string Name, WheelName Wheel, Uri Address, string? Sha256);

/// <summary>Wheels of packages: an index (PEP 503, "Simple Repository API") or a folder with the files.</summary>
internal sealed partial class WheelSource
{
    private const int LongestPage = 32 << 20;

    private readonly Uri? _index;
    private readonly string? _folder;

    private WheelSource(Uri? index, string? folder) => (_index, _folder) = (index, folder);

    /// <summary>For messages.</summary>
    public string Text => _folder ?? _index!.ToString();

    /// <summary>An index. A login in its address is not used, and not told to anybody.</summary>
    public static WheelSource Of(Uri index) => new(
        new Uri(index.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped).TrimEnd('/') + "/"), null);

    public static WheelSource Of(string folder) => new(null, folder);

    /// <summary>The wheels of a package that fit this machine; none where the source does not know it.</summary>
    /// <exception cref="DownloadException">The source cannot be read.</exception>
    public async Task<IReadOnlyList<WheelLink>> Find(HttpClient client, string package, CancellationToken cancellation)
    {
        try
        {
            var links = _folder is { } folder
                ? Directory.EnumerateFiles(folder, "*.whl").Select(f => (Path.GetFileName(f), new Uri(Path.GetFullPath(f))))
                : await Page(client, package, cancellation).ConfigureAwait(false);
            return [.. from link in links
                       let wheel = WheelName.Of(link.Item1)
                       where wheel is not null && wheel.Package == package && wheel.FitsHere
                       select new WheelLink(link.Item1, wheel, Bare(link.Item2), Hash(link.Item2))];
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException
            || e is OperationCanceledException && !cancellation.IsCancellationRequested)
        {
            throw new DownloadException($"{Text} cannot be asked for {package}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.')}", e);
        }
    }

    private async Task<IEnumerable<(string Name, Uri Address)>> Page(HttpClient client, string package, CancellationToken cancellation)
    {
        // One that begins to answer and stops would be waited for without end: the client's own time is for the beginning only.
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(client.Timeout);
        using var response = await HubRequest.Get(client, new Uri(_index!, package + "/"), 0, null, patience.Token)
            .ConfigureAwait(false);
        var message = response.Message;
        if (message.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden)
            return [];
        if (!message.IsSuccessStatusCode)
            throw new DownloadException($"{Text} answers {(int)message.StatusCode} ({message.ReasonPhrase}) to {package}");
        if (message.Content.Headers.ContentLength > LongestPage)
            throw new DownloadException($"{Text} is no index of packages: its page of {package} is larger than {LongestPage >> 20} MiB");
        await message.Content.LoadIntoBufferAsync(LongestPage, patience.Token).ConfigureAwait(false);
        var page = await message.Content.ReadAsStringAsync(patience.Token).ConfigureAwait(false);
        var from = message.RequestMessage!.RequestUri!;
        return Anchor().Matches(page).Select(m => WebUtility.HtmlDecode(m.Groups["address"].Value))
            .Select(a => Uri.TryCreate(from, a, out var address) && address.Scheme is "http" or "https" ? address : null)
            .OfType<Uri>()
            // An index that is asked over an encrypted connection gives no files without one.
            .Where(a => from.Scheme == "http" || a.Scheme == "https")
            .Select(a => (Uri.UnescapeDataString(a.Segments[^1]), a));
    }

    private static Uri Bare(Uri address) => new(address.GetLeftPart(UriPartial.Query));

    private static string? Hash(Uri address) =>
        HashOf().Match(address.Fragment) is { Success: true } match ? match.Groups["hash"].Value.ToLowerInvariant() : null;

    [GeneratedRegex(@"<a\s[^>]*?href\s*=\s*[""'](?<address>[^""']+)[""']", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Anchor();

    [GeneratedRegex("sha256=(?<hash>[0-9a-fA-F]{64})")]
    private static partial Regex HashOf();
}
