using System.Net;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.FFmpeg;

/// <summary>
/// Looks, where a web address could not be opened, whether its server redirects to something that is not followed: FFmpeg takes each such
/// address for one of the web, and fails with words about something else.
/// </summary>
internal static class WebRedirect
{
    private const int MostHops = 8;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>What is wrong, as the end of a sentence; null where it is something else.</summary>
    public static string? Problem(MediaAddress address, CancellationToken ct)
    {
        if (address.Kind != MediaKind.Http || !Uri.TryCreate(address.Text, UriKind.Absolute, out var uri))
        {
            return null;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            return Task.Run(() => FollowAsync(uri, limit.Token), CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (Exception error) when (error is HttpRequestException or OperationCanceledException or IOException or UriFormatException
            or InvalidOperationException or NotSupportedException)
        {
            ct.ThrowIfCancellationRequested();
            return null;
        }
    }

    private static async Task<string?> FollowAsync(Uri uri, CancellationToken ct)
    {
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        using var client = new HttpClient(handler);
        for (var hop = 0; hop < MostHops; hop++)
        {
            using var answer = await client.GetAsync(uri, HttpCompletionOption.ResponseHeadersRead, ct).ConfigureAwait(false);
            if (answer.StatusCode is < HttpStatusCode.MultipleChoices or >= HttpStatusCode.BadRequest
                || answer.Headers.Location is not { } location)
            {
                return null;
            }

            uri = location.IsAbsoluteUri ? location : new Uri(uri, location);
            if (uri.Scheme is not ("http" or "https"))
            {
                return $"its server redirects to {uri.Scheme}:, which is not followed: only http and https are.";
            }
        }

        return $"its server redirects more than {MostHops} times.";
    }
}
