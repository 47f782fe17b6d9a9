using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Server.Problems;

namespace StreamDiff.Server.Security;

/// <summary>
/// The key that a player gave in the address of a playlist: the addresses in the playlist have it too, because players append nothing by
/// themselves. A front of a fleet tells it to the worker that makes the playlist in a header, which is believed from nobody else.
/// </summary>
internal static class PlaylistKey
{
    /// <summary>The header.</summary>
    public const string Header = "StreamDiff-Playlist-Key";

    private const string Name = "key";

    /// <summary>Marks the routes of playlists.</summary>
    public static T IsPlaylist<T>(this T route)
        where T : IEndpointConventionBuilder => route.WithMetadata(new Marked());

    /// <summary>What the addresses in a playlist end with: the key as a query with its question mark, or nothing.</summary>
    public static string QueryFor(HttpContext context) =>
        (ReferenceEquals(Caller.Of(context), Caller.Fleet) && context.Request.Headers[Header].ToString() is { Length: > 0 } told
            ? Uri.UnescapeDataString(told)
            : Of(context.Request)) is { Length: > 0 } key ? $"?{Name}={Uri.EscapeDataString(key)}" : "";

    /// <summary>
    /// Lets pages elsewhere read the answer, whatever it is, where they have a key: without one whoever asks is let in for where he is,
    /// which pages elsewhere must not make use of.
    /// </summary>
    public static void Share(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<Marked>() is null || QueryFor(context).Length == 0)
            return;
        context.Response.Headers.AccessControlAllowOrigin = "*";
        context.Response.Headers["Cross-Origin-Resource-Policy"] = "cross-origin";
    }

    /// <summary>Asking for a playlist sets an encoder going: where no key is needed, pages elsewhere may not.</summary>
    /// <exception cref="RefusedException">One does.</exception>
    public static void CheckSite(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<Marked>() is not null && ReferenceEquals(Caller.Of(context), Caller.Local)
            && context.Request.Headers["Sec-Fetch-Site"] == "cross-site")
            throw new RefusedException(StatusCodes.Status403Forbidden, "pages elsewhere need a key to play a session");
    }

    /// <summary>Tells it to the worker that makes the playlist.</summary>
    public static void Forward(HttpRequest request, HttpRequestMessage proxied)
    {
        if (request.HttpContext.GetEndpoint()?.Metadata.GetMetadata<Marked>() is not null
            && Of(request) is { Length: > 0 } key)
            _ = proxied.Headers.TryAddWithoutValidation(Header, Uri.EscapeDataString(key));
    }

    // Where none is asked for nobody has looked at it.
    private static string Of(HttpRequest request) =>
        ReferenceEquals(Caller.Of(request.HttpContext), Caller.Local) ? "" : request.Query[Name].ToString();

    private sealed record Marked;
}
