using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>What waits for one reader of a stream.</summary>
/// <param name="mostWaiting">Bytes that may wait for it.</param>
internal sealed class RelayReader(long mostWaiting)
{
    private const int SendSize = 64 * 1024;

    private readonly Channel<byte[]> _pieces = Channel.CreateUnbounded<byte[]>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private long _waiting;

    /// <summary>Adds a piece. False where too much waits: the reader is cut off.</summary>
    public bool TryWrite(byte[] piece)
    {
        if (Interlocked.Add(ref _waiting, piece.Length) <= mostWaiting)
        {
            return _pieces.Writer.TryWrite(piece);
        }

        End();
        return false;
    }

    /// <summary>Nothing more will come.</summary>
    public void End() => _pieces.Writer.TryComplete();

    /// <summary>All that comes until the end, one piece or several at a time.</summary>
    /// <param name="most">Bytes that are given together at most; a piece is never cut.</param>
    /// <param name="ct">Breaks it off.</param>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>> ReadAll(int most, [EnumeratorCancellation] CancellationToken ct)
    {
        var together = new byte[most];
        while (await _pieces.Reader.WaitToReadAsync(ct).ConfigureAwait(false))
        {
            var length = 0;
            while (_pieces.Reader.TryPeek(out var next) && (length == 0 || length + next.Length <= most)
                && _pieces.Reader.TryRead(out next))
            {
                _ = Interlocked.Add(ref _waiting, -next.Length);
                if (next.Length > most)
                {
                    yield return next;
                    break;
                }

                next.CopyTo(together.AsSpan(length));
                length += next.Length;
            }

            if (length > 0)
            {
                yield return together.AsMemory(0, length);
            }
        }
    }

    /// <summary>Sends all that comes until the end.</summary>
    /// <exception cref="SocketException">The other side has gone.</exception>
    /// <exception cref="OperationCanceledException">It takes nothing, or <paramref name="ct"/> was cancelled.</exception>
    public async Task SendTo(Socket socket, CancellationToken ct)
    {
        await foreach (var bytes in ReadAll(SendSize, ct).ConfigureAwait(false))
        {
            for (var at = 0; at < bytes.Length;)
            {
                // One that is stopped takes nothing for ever.
                using var hurry = CancellationTokenSource.CreateLinkedTokenSource(ct);
                hurry.CancelAfter(RelayPort.TakenWithin);
                at += await socket.SendAsync(bytes[at..], hurry.Token).ConfigureAwait(false);
            }
        }
    }
}
