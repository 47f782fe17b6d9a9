using System.Net;
using System.Net.Http.Headers;

namespace StreamDiff.Models.Registry.Download;

/// <summary>
/// One GET, redirects followed by hand: Hugging Face states a large file's hash and size only in the redirect to its storage, where an
/// ordinary client would lose them.
/// </summary>
internal static class HubRequest
{
    private const string PublicHub = "https://huggingface.co/";
    private const int MostRedirects = 10;

    /// <summary>Where a file may be had: at each hub in turn, or where it lies if that is no hub.</summary>
    public static IReadOnlyList<Uri> Addresses(string url, IReadOnlyList<string> hubs) =>
        hubs.Count > 0 && url.StartsWith(PublicHub, StringComparison.Ordinal)
            ? [.. hubs.Select(hub => new Uri(hub.TrimEnd('/') + "/" + url[PublicHub.Length..]))]
            : [new Uri(url)];

    /// <param name="client">Follows no redirects by itself.</param>
    /// <param name="address">The file's.</param>
    /// <param name="from">First byte that is wanted.</param>
    /// <param name="tag">
    /// Strong entity tag of the version that it is wanted of: another one is sent whole (If-Range, RFC 9110, 13.1.5). Null for any.
    /// </param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<HubResponse> Get(
        HttpClient client, Uri address, long from, string? tag, CancellationToken cancellation)
    {
        string? hash = null;
        long? size = null;
        var start = address;
        for (var redirects = 0; ; redirects++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.UserAgent.Add(new ProductInfoHeaderValue("streamdiff", "0.1"));
            if (from > 0)
                request.Headers.Range = new RangeHeaderValue(from, null);
            if (from > 0 && EntityTagHeaderValue.TryParse(tag, out var known))
                request.Headers.IfRange = new RangeConditionHeaderValue(known);
            var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation).ConfigureAwait(false);
            hash ??= LinkedHash(response);
            size ??= LinkedSize(response);
            if (Redirect(response, address) is not { } next)
                return new HubResponse(response, hash, size);
            response.Dispose();
            if (redirects == MostRedirects)
                throw new DownloadException($"{start} redirects without end");
            if (address.Scheme == "https" && next.Scheme != "https")
                throw new DownloadException($"{start} redirects to {next}, which is not encrypted");
            address = next;
        }
    }

    private static Uri? Redirect(HttpResponseMessage response, Uri from) =>
        response.StatusCode is HttpStatusCode.MovedPermanently or HttpStatusCode.Found or HttpStatusCode.SeeOther
            or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect && response.Headers.Location is { } location
            ? new Uri(from, location)
            : null;

    private static string? LinkedHash(HttpResponseMessage response)
    {
        var tag = Header(response, "X-Linked-Etag")?.Trim('"').ToLowerInvariant();
        return tag is not null && Sha256.IsHex(tag) ? tag : null;
    }

    private static long? LinkedSize(HttpResponseMessage response) =>
        long.TryParse(Header(response, "X-Linked-Size"), out var size) ? size : null;

    private static string? Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}

/// <summary>The last answer, with the hash and size of the whole file where any answer on the way stated them.</summary>
internal sealed record HubResponse(HttpResponseMessage Message, string? Sha256, long? Size) : IDisposable
{
    public void Dispose() => Message.Dispose();
}
