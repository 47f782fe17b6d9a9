namespace StreamDiff.Transport.Media.Encoded;

/// <summary>What a reader gets: a format, or a packet in the last format.</summary>
/// <param name="Format">What the packets that follow hold.</param>
/// <param name="Unit">The next packet, the reader's to dispose.</param>
public readonly record struct RelayItem(StreamFormat? Format, EncodedUnit? Unit);

/// <summary>
/// One who takes packets. What it has not taken waits for it; when that is too much all of it goes, and it gets the next key frame once it
/// takes something again. One thread at a time.
/// </summary>
public sealed class PacketReader : IDisposable
{
    private readonly PacketRelay _relay;
    private readonly ReaderLimits _limits;
    private readonly object _gate = new();
    private readonly Queue<RelayItem> _waiting = new();
    private TaskCompletionSource? _news;
    private long _bytes;
    private long _oldest;
    private bool _needsKey = true;
    private bool _takes = true;
    private bool _hasBegun;
    private bool _isEnded;
    private long _skipped;

    internal PacketReader(PacketRelay relay, ReaderLimits limits) => (_relay, _limits) = (relay, limits);

    /// <summary>
    /// Pictures that this reader did not get because it, or the encoder, was too slow; those before its first key frame not among them.
    /// </summary>
    public long Skipped => Interlocked.Read(ref _skipped);

    /// <summary>The next format or packet; null at the end.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public async ValueTask<RelayItem?> ReadAsync(CancellationToken ct)
    {
        while (true)
        {
            RelayItem? item;
            bool asks;
            Task news;
            lock (_gate)
            {
                if (TryRead(out item, out asks))
                {
                    return item;
                }

                news = (_news ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            if (asks)
            {
                _relay.AskForKey();
            }

            await news.WaitAsync(ct).ConfigureAwait(false);
        }
    }

    /// <summary>The same, on a thread that waits.</summary>
    /// <exception cref="OperationCanceledException"><paramref name="ct"/> was cancelled.</exception>
    public RelayItem? Read(CancellationToken ct)
    {
        using var cancelled = ct.UnsafeRegister(_ => Wake(), null);
        while (true)
        {
            lock (_gate)
            {
                if (TryRead(out var item, out var asks))
                {
                    return item;
                }

                ct.ThrowIfCancellationRequested();
                if (!asks)
                {
                    _ = Monitor.Wait(_gate);
                    continue;
                }
            }

            _relay.AskForKey();
        }
    }

    /// <summary>Says that what was taken is lost, and what waits too: the next picture will be a key frame.</summary>
    public void SkipToKey()
    {
        lock (_gate)
        {
            Skip();
        }
    }

    /// <summary>Leaves.</summary>
    public void Dispose()
    {
        _relay.Leave(this);
        lock (_gate)
        {
            _isEnded = true;
            Clear();
        }
    }

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
    internal bool Add(EncodedUnit unit)
    {
        lock (_gate)
        {
            if (_isEnded)
            {
                return true;
            }

            if (unit.Kind != PacketKind.Sound && IsTooSlow(unit))
            {
                Skip();
            }

            if (_needsKey && unit.Kind != PacketKind.Key)
            {
                _skipped += unit.Kind == PacketKind.Delta && _hasBegun ? 1 : 0;
                // A key frame that waits with all that follows it until that is too much again is of use to nobody.
                return !_takes;
            }

            (_needsKey, _hasBegun) = (false, true);
            _oldest = _bytes == 0 ? unit.Time : _oldest;
            _waiting.Enqueue(new RelayItem(null, unit.Share()));
            _bytes += Weight(unit);
        }

        Wake();
        return true;
    }

    internal void Miss()
    {
        lock (_gate)
        {
            _skipped += _hasBegun ? 1 : 0;
        }
    }

    internal void End()
    {
        lock (_gate)
        {
            _isEnded = true;
        }

        Wake();
    }

    // True with the next item, or at the end with none. The relay must be asked for a key frame outside of the lock.
    private bool TryRead(out RelayItem? item, out bool asks)
    {
        (item, asks) = (null, false);
        if (_waiting.TryDequeue(out var next))
        {
            Taken(next);
            item = next;
            return true;
        }

        if (_isEnded)
        {
            return true;
        }

        (asks, _takes) = (_needsKey && !_takes, true);
        return false;
    }

    private bool IsTooSlow(EncodedUnit unit) =>
        _bytes > _limits.MostBytes || (_bytes > 0 && TimeSpan.FromMicroseconds(unit.Time - _oldest) > _limits.Longest);

    // A format that waits stays: it is needed for what follows.
    private void Skip()
    {
        var format = _waiting.LastOrDefault(i => i.Format is not null);
        _skipped += _waiting.Count(i => i.Unit is { Kind: not PacketKind.Sound });
        Clear();
        if (format.Format is not null)
        {
            _waiting.Enqueue(format);
        }

        (_needsKey, _takes) = (true, false);
    }

    private void Clear()
    {
        while (_waiting.TryDequeue(out var item))
        {
            item.Unit?.Dispose();
        }

        _bytes = 0;
    }

    private void Taken(RelayItem item)
    {
        _bytes -= item.Unit is { } taken ? Weight(taken) : 0;
        if (_waiting.TryPeek(out var next) && next.Unit is { } unit)
        {
            _oldest = unit.Time;
        }
    }

    // A picture that nobody encodes weighs something too: else none would seem to wait.
    private static long Weight(EncodedUnit unit) => EncodedPacket.HeaderSize + unit.Size;

    private void Wake()
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
            _ = _news?.TrySetResult();
            _news = null;
        }
    }
}
