using System.Net.WebSockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Server.Browser;

/// <summary>One browser that sends.</summary>
internal static class BrowserPublish
{
    private static readonly TimeSpan HelloWithin = TimeSpan.FromSeconds(10);

    /// <summary>Receives until the browser leaves or nobody reads any more.</summary>
    public static async Task RunAsync(BrowserInput input, WebSocket socket, CancellationToken ct)
    {
        using var reader = new SocketReader(socket, EncodedPacket.MostBytes);
        BrowserPublisher? publisher = null;
        try
        {
            publisher = await Begin(input, reader, ct).ConfigureAwait(false);
            if (publisher is null)
                return;
            await new BrowserMessage("publishing").SendAsync(socket, ct).ConfigureAwait(false);
            using var ended = publisher.Ended.Register(() => _ = Goodbye(socket, ct));
            while (await reader.ReadAsync(ct).ConfigureAwait(false) is { } message)
            {
                if (message.Type != WebSocketMessageType.Binary)
                    throw new MediaException("Packets are binary messages.");
                await publisher.SendAsync(EncodedPacket.Parse(message.Data)).ConfigureAwait(false);
            }
        }
        catch (MediaException problem)
        {
            await BrowserMessage.RefuseAsync(socket, problem.Message, ct).ConfigureAwait(false);
        }
        finally
        {
            if (publisher is not null)
            {
                input.Leave(publisher);
                await publisher.CompleteAsync().ConfigureAwait(false);
            }
        }
    }

    private static async Task<BrowserPublisher?> Begin(BrowserInput input, SocketReader reader, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(HelloWithin);
        if (await reader.ReadAsync(patience.Token).ConfigureAwait(false) is not { } hello)
            return null;
        if (hello.Type != WebSocketMessageType.Text)
            throw new MediaException("The first message says in JSON what is going to be sent.");
        var message = BrowserMessage.Parse(hello.Data.Span);
        var client = message.Client is { Length: > 0 and <= 64 } given
            ? given
            : throw new MediaException("The first message names its client: a text of its own, of at most 64 characters.");
        return input.Connect(message.ToFormat(), client);
    }

    // The receiving goes on until the browser has heard it.
    private static async Task Goodbye(WebSocket socket, CancellationToken ct)
    {
        try
        {
            await socket.CloseOutputAsync(WebSocketCloseStatus.EndpointUnavailable, "come again: the session reads no more", ct)
                .ConfigureAwait(false);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException
            or InvalidOperationException)
        {
            // It is gone already.
        }
    }
}
