using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using StreamDiff.Server.Sessions;
using StreamDiff.Transport.Media.Browser;

namespace StreamDiff.Server.Browser;

/// <summary>
/// Frames to and from browsers: <c>/api/v1/sessions/{name}/view</c> (WebSocket, out) and <c>/api/v1/sessions/{name}/publish</c>
/// (WebSocket, in). Both are described in docs/studio-page.md.
/// </summary>
/// <remarks>
/// Out: <c>sessions.Find(name).Outputs.Add("viewers", (format, ct) =&gt; sink)</c> gives frames of the session to a sink, one for all
/// viewers, until what is given back is disposed. In: a session whose input is <c>browser</c> has the address <c>browser:NAME</c>.
/// </remarks>
public static class BrowserEndpoints
{
    private const string Root = "/api/v1/sessions/{name}/";

    // A peer that has vanished is noticed after both; a browser answers pings by itself.
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PongWithin = TimeSpan.FromSeconds(10);

    /// <summary>Adds the routes. Keys, origins, hosts and limits have been checked before a request comes here.</summary>
    public static void Map(WebApplication app, StudioSessions sessions)
    {
        ArgumentNullException.ThrowIfNull(sessions);
        sessions.Server.HasPage = true;
        Map(app, sessions.Server.DoorOf);
    }

    /// <summary>The same for doors that somebody else knows.</summary>
    internal static void Map(WebApplication app, Func<string, BrowserDoor?> doorOf)
    {
        ArgumentNullException.ThrowIfNull(app);
        Route("view", async (door, socket, context, ct) =>
            await BrowserView.RunAsync(context.Request.Query["side"] == "source" ? door.Source : door.Output, socket, ct)
                .ConfigureAwait(false));
        Route("publish", async (door, socket, _, ct) => await BrowserPublish.RunAsync(door.Input, socket, ct).ConfigureAwait(false));

        void Route(string name, Func<BrowserDoor, WebSocket, HttpContext, CancellationToken, Task> run) =>
            app.MapGet(Root + name, context => Accept(context, doorOf, run)).ExcludeFromDescription();
    }

    private static async Task Accept(
        HttpContext context, Func<string, BrowserDoor?> doorOf, Func<BrowserDoor, WebSocket, HttpContext, CancellationToken, Task> run)
    {
        var name = (string)context.Request.RouteValues["name"]!;
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await Refuse(context, StatusCodes.Status426UpgradeRequired, "this address takes WebSocket connections only")
                .ConfigureAwait(false);
            return;
        }
        if (doorOf(name) is not { } door)
        {
            await Refuse(context, StatusCodes.Status404NotFound, $"there is no session named {name}").ConfigureAwait(false);
            return;
        }
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            KeepAliveInterval = PingEvery,
            KeepAliveTimeout = PongWithin,
            // A key that came as a protocol is never sent back.
            SubProtocol = context.WebSockets.WebSocketRequestedProtocols.Contains(Protocol) ? Protocol : null,
        }).ConfigureAwait(false);
        var stopping = (IHostApplicationLifetime)context.RequestServices.GetService(typeof(IHostApplicationLifetime))!;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping.ApplicationStopping);
        try
        {
            await run(door, socket, context, end.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException or ObjectDisposedException)
        {
            // The peer left, or the studio ends.
        }
    }

    /// <summary>The protocol that clients may name; the page does, because browsers send a key as another one.</summary>
    internal const string Protocol = "streamdiff.v1";

    private static Task Refuse(HttpContext context, int status, string detail) =>
        Results.Problem(detail, statusCode: status).ExecuteAsync(context);
}
