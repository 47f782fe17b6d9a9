using System.Threading.Channels;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// One publisher's stream for any number of readers: whoever comes is given what it needs and everything since the last key frame, so that
/// its first picture does not wait for the next one. Who reads too slowly is cut off and comes again.
/// </summary>
internal sealed class RelayFeed(IContainerFeed container)
{
    private const int ReadSize = 64 * 1024;
    private const int MostWaiting = 4096;
    private const long MostKept = 32 << 20;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly List<Channel<byte[]>> _readers = [];
    private readonly List<byte[]> _sinceKey = [];
    private long _kept;
    private bool _hasKey;
    private bool _isOver;

    /// <summary>Passes on what comes until the publisher leaves; every reader's stream ends with it.</summary>
    public void Pump(IByteSource source, CancellationToken ct)
    {
        var buffer = new byte[ReadSize];
        var length = 0;
        var pieces = new List<FeedPiece>();
        try
        {
            while (!ct.IsCancellationRequested)
            {
                if (length == buffer.Length)
                {
                    Array.Resize(ref buffer, 2 * buffer.Length);
                }

                var read = source.Read(buffer.AsSpan(length), Glance);
                if (read == 0)
                {
                    return;
                }

                length += Math.Max(0, read);
                lock (_gate)
                {
                    var taken = container.Take(buffer.AsSpan(0, length), pieces);
                    buffer.AsSpan(taken, length - taken).CopyTo(buffer);
                    length -= taken;
                    Send(pieces);
                }

                pieces.Clear();
            }
        }
        finally
        {
            End();
        }
    }

    /// <summary>Begins to read. Bytes of the container follow, until the stream ends or <see cref="Leave"/>.</summary>
    public ChannelReader<byte[]> Join()
    {
        lock (_gate)
        {
            var room = MostWaiting + _sinceKey.Count;
            var channel = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(room) { SingleReader = true });
            foreach (var piece in container.Preamble.Concat(_sinceKey))
            {
                _ = channel.Writer.TryWrite(piece);
            }

            if (_isOver)
            {
                channel.Writer.Complete();
            }
            else
            {
                _readers.Add(channel);
            }

            return channel.Reader;
        }
    }

    /// <summary>Reads no more.</summary>
    public void Leave(ChannelReader<byte[]> reader)
    {
        lock (_gate)
        {
            _ = _readers.RemoveAll(r => r.Reader == reader);
        }
    }

    // Within the lock, as what the container knows is.
    private void Send(List<FeedPiece> pieces)
    {
        foreach (var piece in pieces)
        {
            Keep(piece);
            for (var i = _readers.Count - 1; i >= 0; i--)
            {
                if (!_readers[i].Writer.TryWrite(piece.Bytes))
                {
                    _readers[i].Writer.Complete();
                    _readers.RemoveAt(i);
                }
            }
        }
    }

    private void Keep(FeedPiece piece)
    {
        if (piece.IsKey)
        {
            _sinceKey.Clear();
            (_kept, _hasKey) = (0, true);
        }

        // Before the first key frame nothing can be decoded; a stream that has no other is not kept without end.
        if (!_hasKey || piece.IsPreamble)
        {
            return;
        }

        _sinceKey.Add(piece.Bytes);
        _kept += piece.Bytes.Length;
        if (_kept > MostKept)
        {
            _sinceKey.Clear();
            (_kept, _hasKey) = (0, false);
        }
    }

    private void End()
    {
        lock (_gate)
        {
            _isOver = true;
            foreach (var reader in _readers)
            {
                reader.Writer.Complete();
            }

            _readers.Clear();
        }
    }
}
