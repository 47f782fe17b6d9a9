using System.Buffers;
using System.Net.WebSockets;
using StreamDiff.Transport.Media;

namespace StreamDiff.Server.Browser;

/// <summary>Whole messages of a WebSocket, none longer than allowed.</summary>
/// <param name="socket">Where they come from.</param>
/// <param name="most">Bytes of the longest message.</param>
internal sealed class SocketReader(WebSocket socket, int most) : IDisposable
{
    private const int FirstSize = 64 * 1024;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(Math.Min(FirstSize, most));

    /// <summary>The next message, valid until the next call; null when the peer says goodbye.</summary>
    /// <exception cref="MediaException">The message is too long.</exception>
    public async ValueTask<(WebSocketMessageType Type, ReadOnlyMemory<byte> Data)?> ReadAsync(CancellationToken ct)
    {
        var length = 0;
        while (true)
        {
            if (length == _buffer.Length)
                Grow(length);
            var result = await socket.ReceiveAsync(_buffer.AsMemory(length), ct).ConfigureAwait(false);
            if (result.MessageType == WebSocketMessageType.Close)
                return null;
            length += result.Count;
            if (length > most)
                throw new MediaException($"A message has at most {most} bytes.");
            if (result.EndOfMessage)
                return (result.MessageType, _buffer.AsMemory(0, length));
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    private void Grow(int length)
    {
        var larger = ArrayPool<byte>.Shared.Rent(2 * length);
        _buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
