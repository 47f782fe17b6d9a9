using System.Net.Sockets;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>Bytes of a TCP connection.</summary>
/// <param name="socket">Closed with this.</param>
internal sealed class SocketSource(Socket socket) : IByteSource
{
    public int Read(Span<byte> buffer, TimeSpan patience)
    {
        try
        {
            return socket.Poll(patience, SelectMode.SelectRead) ? socket.Receive(buffer) : -1;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return 0;
        }
    }

    public void Dispose() => socket.Dispose();
}
