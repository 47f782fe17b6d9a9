using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// One publisher's stream for any number of readers: whoever comes is given what it needs and everything since the last key frame, so that
/// its first picture does not wait for the next one. Who reads too slowly is cut off and comes again.
/// </summary>
internal sealed class RelayFeed(IContainerFeed container)
{
    private const int ReadSize = 64 * 1024;
    // Bytes: some seconds of a good stream, however small its packets are.
    private const long MostWaiting = 16 << 20;
    private const long MostKept = 32 << 20;
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(100);

    private readonly Lock _gate = new();
    private readonly List<RelayReader> _readers = [];
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
    public RelayReader Join()
    {
        lock (_gate)
        {
            var first = container.Preamble.Concat(_sinceKey).ToList();
            var reader = new RelayReader(MostWaiting + first.Sum(p => p.Length));
            foreach (var piece in first)
            {
                _ = reader.TryWrite(piece);
            }

            if (_isOver)
            {
                reader.End();
            }
            else
            {
                _readers.Add(reader);
            }

            return reader;
        }
    }

    /// <summary>Reads no more.</summary>
    public void Leave(RelayReader reader)
    {
        lock (_gate)
        {
            _ = _readers.Remove(reader);
        }
    }

    // Within the lock, as what the container knows is.
    private void Send(List<FeedPiece> pieces)
    {
        foreach (var piece in pieces)
        {
            Keep(piece);
            _ = _readers.RemoveAll(r => !r.TryWrite(piece.Bytes));
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
                reader.End();
            }

            _readers.Clear();
        }
    }
}
