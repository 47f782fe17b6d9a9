using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.DependencyInjection;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using Yarp.ReverseProxy.Forwarder;

namespace StreamDiff.Server.Forwarding;

/// <summary>
/// Requests for what is only where a session runs (pictures, recordings, logs, the WebSockets of viewers and publishers) go there as they
/// are, after they have been looked at here.
/// </summary>
internal sealed class SessionForwarding : IDisposable
{
    private const string OfSession = "/sessions/{name}/";
    private const string RecordingsRoute = OfSession + "recordings";

    private readonly HttpMessageInvoker _client = new(new SocketsHttpHandler
    {
        UseProxy = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        UseCookies = false,
        ConnectTimeout = TimeSpan.FromSeconds(2),
    });

    /// <summary>Adds it, behind the checks of who may do what.</summary>
    public void Use(WebApplication app, ISessions sessions)
    {
        app.Use(async (context, next) =>
        {
            if (context.GetEndpoint() is RouteEndpoint { RoutePattern.RawText: { } route } && IsForwarded(route, context.Request.Method)
                && context.GetRouteValue("name") is string name && await Place(sessions, name, route, context).ConfigureAwait(false)
                    is { } place)
                await Forward(context, place, context.Request.Path).ConfigureAwait(false);
            else
                await next(context).ConfigureAwait(false);
        });
    }

    /// <summary>Has another studio answer a request.</summary>
    /// <param name="context">The request.</param>
    /// <param name="place">The other studio.</param>
    /// <param name="path">What it is asked for.</param>
    /// <exception cref="RefusedException">It does not answer.</exception>
    public async Task Forward(HttpContext context, SessionPlace place, PathString path)
    {
        var forwarder = context.RequestServices.GetRequiredService<IHttpForwarder>();
        // A viewer is silent for as long as it likes.
        var config = new ForwarderRequestConfig { ActivityTimeout = TimeSpan.FromHours(1) };
        var error = await forwarder.SendAsync(
            context, place.Address.GetLeftPart(UriPartial.Authority), _client, config, new Rewrite(place, path)).ConfigureAwait(false);
        if (error is ForwarderError.Request or ForwarderError.RequestTimedOut or ForwarderError.NoAvailableDestinations
            && !context.Response.HasStarted)
            throw new RefusedException(
                StatusCodes.Status503ServiceUnavailable, "the worker that runs the session does not answer: try again in a moment");
    }

    public void Dispose() => _client.Dispose();

    // Changes go through the session's own record, wherever it runs; recordings of several places are listed together.
    private static bool IsForwarded(string route, string method) =>
        route.Contains(OfSession, StringComparison.Ordinal) && !route.EndsWith("/controls", StringComparison.Ordinal)
        && !(route.EndsWith(RecordingsRoute, StringComparison.Ordinal) && HttpMethods.IsGet(method));

    // A file may lie where the session ran before.
    private static ValueTask<SessionPlace?> Place(ISessions sessions, string name, string route, HttpContext context) =>
        route.EndsWith(OfSession + "log", StringComparison.Ordinal) ? sessions.PlaceOf(name, "log")
        : route.EndsWith(RecordingsRoute + "/{id}", StringComparison.Ordinal)
            ? sessions.PlaceOf(name, $"recordings/{context.GetRouteValue("id")}")
            : sessions.PlaceOf(name);

    /// <summary>The request as it is, with the other studio's key in place of the caller's.</summary>
    private sealed class Rewrite(SessionPlace place, PathString path) : HttpTransformer
    {
        public override ValueTask<bool> TransformResponseAsync(
            HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
        {
            // What every answer has is in the other studio's already, perhaps with another value; twice it would mean nothing.
            foreach (var (name, _) in proxyResponse?.Headers.NonValidated ?? default)
                _ = httpContext.Response.Headers.Remove(name);
            return base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        }

        public override async ValueTask TransformRequestAsync(
            HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
        {
            await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken).ConfigureAwait(false);
            var query = QueryString.Create(
                QueryHelpers.ParseQuery(httpContext.Request.QueryString.Value).Where(q => q.Key != "key"));
            proxyRequest.RequestUri = RequestUtilities.MakeDestinationAddress(destinationPrefix, path, query);
            proxyRequest.Headers.Host = null;
            foreach (var header in (string[])
                ["Cookie", "Origin", "Sec-Fetch-Site", "Authorization", PlaylistKey.Header, PlayerAddress.Header])
                _ = proxyRequest.Headers.Remove(header);
            PlaylistKey.Forward(httpContext.Request, proxyRequest);
            PlayerAddress.Forward(httpContext.Request, proxyRequest);
            _ = proxyRequest.Headers.TryAddWithoutValidation("Authorization", $"Bearer {place.Key}");
        }
    }
}
