namespace StreamDiff.Transport.Media.Browser;

/// <summary>What a viewer gets: a format, or a packet in the last format.</summary>
/// <param name="Format">What the packets that follow hold.</param>
/// <param name="Packet">The next packet.</param>
public readonly record struct RelayItem(StreamFormat? Format, EncodedPacket? Packet);

/// <summary>
/// One who watches. What it has not taken waits for it; when that is too much all of it goes, and it gets the next key frame. One reader at
/// a time.
/// </summary>
public sealed class PacketViewer : IDisposable
{
    // More than a network's hiccup, less than anybody calls live.
    private const long LongestWait = 500_000;
    private const int MostBytes = 2 * EncodedPacket.MostBytes;

    private readonly PacketRelay _relay;
    private readonly Lock _gate = new();
    private readonly Queue<RelayItem> _waiting = new();
    private readonly SemaphoreSlim _news = new(0, 1);
    private long _bytes;
    private long _oldest;
    private bool _needsKey = true;
    private bool _hasBegun;
    private bool _isEnded;

    internal PacketViewer(PacketRelay relay) => _relay = relay;

    /// <summary>Frames that this viewer did not get because it was too slow; those before its first key frame not among them.</summary>
    public long Skipped { get; private set; }

    /// <summary>The next format or packet; null at the end.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public async ValueTask<RelayItem?> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_waiting.TryDequeue(out var item))
                {
                    Taken(item);
                    return item;
                }

                if (_isEnded)
                {
                    return null;
                }
            }

            await _news.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>Leaves.</summary>
    public void Dispose() => _relay.Leave(this);

    internal void Begin(StreamFormat format)
    {
        lock (_gate)
        {
            Clear();
            _needsKey = true;
            _waiting.Enqueue(new RelayItem(format, null));
        }

        Wake();
    }

    /// <summary>Takes a packet; false when it waits for a key frame.</summary>
    internal bool Add(EncodedPacket packet)
    {
        lock (_gate)
        {
            if (_isEnded)
            {
                return true;
            }

            if (packet.Kind != PacketKind.Sound && IsTooSlow(packet))
            {
                Skip();
            }

            if (_needsKey && packet.Kind != PacketKind.Key)
            {
                Skipped += packet.Kind == PacketKind.Delta && _hasBegun ? 1 : 0;
                return false;
            }

            (_needsKey, _hasBegun) = (false, true);
            _oldest = _bytes == 0 ? packet.Time : _oldest;
            _waiting.Enqueue(new RelayItem(null, packet));
            _bytes += packet.Message.Length;
        }

        Wake();
        return true;
    }

    internal void End()
    {
        lock (_gate)
        {
            _isEnded = true;
        }

        Wake();
    }

    private bool IsTooSlow(EncodedPacket packet) => _bytes > MostBytes || (_bytes > 0 && packet.Time - _oldest > LongestWait);

    // A format that waits stays: it is needed for what follows.
    private void Skip()
    {
        var format = _waiting.LastOrDefault(i => i.Format is not null);
        Skipped += _waiting.Count(i => i.Packet is { Kind: not PacketKind.Sound });
        Clear();
        if (format.Format is not null)
        {
            _waiting.Enqueue(format);
        }

        _needsKey = true;
    }

    private void Clear()
    {
        _waiting.Clear();
        _bytes = 0;
    }

    private void Taken(RelayItem item)
    {
        _bytes -= item.Packet?.Message.Length ?? 0;
        if (_waiting.TryPeek(out var next) && next.Packet is { } packet)
        {
            _oldest = packet.Time;
        }
    }

    private void Wake()
    {
        try
        {
            if (_news.CurrentCount == 0)
            {
                _ = _news.Release();
            }
        }
        catch (SemaphoreFullException)
        {
            // Somebody else has just done it.
        }
    }
}
