using System.Net.Sockets;

namespace StreamDiff.Transport.Peers;

/// <summary>Takes connections at a port until it is told to stop; nothing that goes wrong with one of them ends it.</summary>
internal static class AcceptLoop
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <param name="listener">Started.</param>
    /// <param name="peers">Where newcomers are counted.</param>
    /// <param name="serve">Given each connection, which it disposes with its place; throws nothing.</param>
    /// <param name="stop">Ends it.</param>
    public static async Task RunAsync(
        TcpListener listener, UnprovenPeers peers, Func<Socket, UnprovenPeers.Guest, Task> serve, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var socket = await listener.AcceptSocketAsync(stop).ConfigureAwait(false);
                var guest = peers.Admit(socket);
                _ = Task.Run(() => serve(socket, guest), CancellationToken.None);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or InvalidOperationException)
            {
                // The port was closed.
                return;
            }
            catch (Exception e) when (e is SocketException or OutOfMemoryException)
            {
                // A peer that left while it was being accepted; or no handle, or no memory: who was first of those without a name has it.
                if (e is not SocketException { SocketErrorCode: SocketError.ConnectionReset or SocketError.ConnectionAborted })
                    peers.DropOldest();
                await Task.Delay(Pause, CancellationToken.None).ConfigureAwait(false);
            }
        }
    }
}
