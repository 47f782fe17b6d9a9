using System.Net.WebSockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;

namespace StreamDiff.Server.Browser;

/// <summary>One browser that watches.</summary>
internal static class BrowserView
{
    private const int LongestRequest = 1024;

    /// <summary>Sends until the session ends or the viewer leaves.</summary>
    public static async Task RunAsync(PacketRelay relay, WebSocket socket, CancellationToken ct)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(ct);
        using var viewer = relay.Join();
        var listening = Listen(relay, socket, gone);
        try
        {
            while (await viewer.ReadAsync(gone.Token).ConfigureAwait(false) is { } item)
            {
                if (item.Unit is { } unit)
                    using (unit)
                        await socket.SendAsync(unit.Message.Message, WebSocketMessageType.Binary, true, gone.Token).ConfigureAwait(false);
                else
                    await BrowserMessage.Of(item.Format!).SendAsync(socket, gone.Token).ConfigureAwait(false);
            }
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "the session has ended", gone.Token).ConfigureAwait(false);
        }
        finally
        {
            await gone.CancelAsync().ConfigureAwait(false);
            await listening.ConfigureAwait(false);
        }
    }

    // The only thing that a viewer may say is that it wants a key frame.
    private static async Task Listen(PacketRelay relay, WebSocket socket, CancellationTokenSource gone)
    {
        using var reader = new SocketReader(socket, LongestRequest);
        try
        {
            while (await reader.ReadAsync(gone.Token).ConfigureAwait(false) is { Type: WebSocketMessageType.Text, Data: var text }
                && BrowserMessage.Parse(text.Span).Type == "key")
                relay.AskForKey();
        }
        catch (Exception e) when (e is MediaException or WebSocketException or OperationCanceledException or ObjectDisposedException
            or IOException)
        {
            // It leaves, or is sent away for what it said.
        }
        await gone.CancelAsync().ConfigureAwait(false);
    }
}
