using System.Globalization;
using System.Net.ServerSentEvents;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using StreamDiff.Client;
using StreamDiff.Server.Events;
using StreamDiff.Server.Problems;
using StreamDiff.Server.Security;

namespace StreamDiff.Server.Api;

/// <summary>Events as they happen, as server-sent events or over a WebSocket.</summary>
/// <param name="feed">The events.</param>
/// <param name="ending">Cancelled when the studio ends: nobody is to wait for streams without an end.</param>
internal sealed class EventEndpoints(EventFeed feed, CancellationToken ending)
{
    private const int MostListeners = 256;
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public void Map(RouteGroupBuilder api) => api.MapGet("/events", Listen).Needs(Role.Viewer, takesKeyInQuery: true).WithName("listen")
        .WithSummary("Events as they happen: server-sent events, or messages of a WebSocket. session=NAME gives those of one session; "
            + "after=ID (or Last-Event-ID) begins with those after that one.")
        .Produces<StudioEvent>(contentType: "text/event-stream");

    private async Task<IResult> Listen(string? session, long? after, Caller caller, HttpContext context, CancellationToken ct)
    {
        if (session is not null && !caller.IsFor(session))
            throw new RefusedException(StatusCodes.Status403Forbidden, $"the key {caller.Name} is not for the session {session}");
        if (feed.Listeners >= MostListeners)
            throw new RefusedException(StatusCodes.Status503ServiceUnavailable, $"{MostListeners} listen already");
        if (after is null && long.TryParse(context.Request.Headers["Last-Event-ID"], CultureInfo.InvariantCulture, out var last))
            after = last;
        bool IsWanted(StudioEvent e) => session is not null ? e.Session == session
            : e.Session is null ? caller.Sessions is null : caller.IsFor(e.Session);
        if (!context.WebSockets.IsWebSocketRequest)
            return TypedResults.ServerSentEvents(Stream(IsWanted, after, ct));
        using var socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        await Send(socket, IsWanted, after, ct).ConfigureAwait(false);
        return TypedResults.Empty;
    }

    // The first item and the heartbeats tell both sides that the connection is there.
    private async IAsyncEnumerable<SseItem<string>> Stream(
        Func<StudioEvent, bool> isWanted, long? after, [EnumeratorCancellation] CancellationToken ct)
    {
        using var listening = feed.Listen(after);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, ending);
        yield return new SseItem<string>("{}", "hello");
        while (true)
        {
            StudioEvent? next;
            try
            {
                next = await Next(listening, either.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (either.IsCancellationRequested)
            {
                yield break;
            }
            if (next is null)
                yield return new SseItem<string>("{}", "heartbeat");
            else if (isWanted(next))
                yield return new SseItem<string>(JsonSerializer.Serialize(next, StudioJson.Strict), "event")
                {
                    EventId = next.Id.ToString(CultureInfo.InvariantCulture),
                };
        }
    }

    private async Task Send(WebSocket socket, Func<StudioEvent, bool> isWanted, long? after, CancellationToken ct)
    {
        using var listening = feed.Listen(after);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct, ending);
        var reading = Drain(socket, over);
        try
        {
            while (!over.IsCancellationRequested)
                if (await Next(listening, over.Token).ConfigureAwait(false) is { } next && isWanted(next))
                    await socket.SendAsync(
                        JsonSerializer.SerializeToUtf8Bytes(next, StudioJson.Strict), WebSocketMessageType.Text, true, over.Token)
                        .ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // The listener left, or the studio ends.
        }
        await reading.ConfigureAwait(false);
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None).ConfigureAwait(false);
    }

    // Nothing is expected from there but its end; who talks much is sent away.
    private static async Task Drain(WebSocket socket, CancellationTokenSource over)
    {
        const int MostBytes = 64 * 1024;
        var buffer = new byte[1024];
        var bytes = 0;
        try
        {
            while (!over.IsCancellationRequested && bytes < MostBytes)
            {
                var received = await socket.ReceiveAsync(buffer, over.Token).ConfigureAwait(false);
                if (received.MessageType == WebSocketMessageType.Close)
                    break;
                bytes += received.Count + 1;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or WebSocketException)
        {
            // It is over either way.
        }
        await over.CancelAsync().ConfigureAwait(false);
    }

    // Null when nothing happened for a while.
    private static async Task<StudioEvent?> Next(Listening listening, CancellationToken ct)
    {
        using var quiet = CancellationTokenSource.CreateLinkedTokenSource(ct);
        quiet.CancelAfter(Heartbeat);
        try
        {
            return await listening.Events.ReadAsync(quiet.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }
}
