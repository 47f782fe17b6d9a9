using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;
using StreamDiff.Server.Sessions;
using StreamDiff.Transport.Media.Browser;

namespace StreamDiff.Server.Browser;

/// <summary>
/// Frames to and from browsers: <c>/api/v1/sessions/{name}/view</c> (WebSocket, out) and <c>/api/v1/sessions/{name}/publish</c>
/// (WebSocket, in). Both are described in docs/studio-page.md.
/// </summary>
public static class BrowserEndpoints
{
    private const string Root = "/api/v1/sessions/{name}/";

    /// <summary>The protocol that clients may name.</summary>
    private const string Protocol = "streamdiff.v1";

    // A peer that has vanished is noticed after both; a browser answers pings by itself.
    private static readonly TimeSpan PingEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PongWithin = TimeSpan.FromSeconds(10);

    /// <summary>Adds the routes. Keys, origins, hosts and limits have been checked before a request comes here.</summary>
    public static void Map(WebApplication app, StudioSessions sessions)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(sessions);
        Add("view", "viewSession", "Watch a session: a WebSocket that gives frames as H.264, and sound as Opus.", Role.Viewer, SessionKey.Play,
            (door, socket, context, ct) =>
                BrowserView.RunAsync(context.Request.Query["side"] == "source" ? door.Source : door.Output, socket, ct));
        Add("publish", "publishToSession", "Send frames and sound to a session: a WebSocket.", Role.Operator, SessionKey.Publish,
            (door, socket, _, ct) => BrowserPublish.RunAsync(door.Input, socket, ct));

        void Add(
            string path, string name, string summary, Role role, SessionKey key,
            Func<BrowserDoor, WebSocket, HttpContext, CancellationToken, Task> run)
        {
            app.MapGet(Root + path, context => Accept(context, sessions, run)).Needs(role, key).WithName(name).WithSummary(summary);
            // HTTP/2 opens WebSockets by it.
            app.MapMethods(Root + path, [HttpMethods.Connect], context => Accept(context, sessions, run)).Needs(role, key)
                .ExcludeFromDescription();
        }
    }

    private static async Task Accept(
        HttpContext context, StudioSessions sessions, Func<BrowserDoor, WebSocket, HttpContext, CancellationToken, Task> run)
    {
        var name = (string)context.Request.RouteValues["name"]!;
        if (!context.WebSockets.IsWebSocketRequest)
            throw new RefusedException(StatusCodes.Status426UpgradeRequired, "this address takes WebSocket connections only");
        var door = sessions.Server.DoorOf(name) ?? throw RefusedException.NotFound($"there is no session named {name}");
        using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
        {
            KeepAliveInterval = PingEvery,
            KeepAliveTimeout = PongWithin,
            SubProtocol = context.WebSockets.WebSocketRequestedProtocols.Contains(Protocol) ? Protocol : null,
        }).ConfigureAwait(false);
        var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>();
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
}
