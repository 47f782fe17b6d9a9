namespace StreamDiff.Transport.Media.Encoded;

/// <summary>What a reader gets: a format, or a packet in the last format.</summary>
/// <param name="Format">What the packets that follow hold.</param>
/// <param name="Unit">The next packet, the reader's to dispose.</param>
public readonly record struct RelayItem(StreamFormat? Format, EncodedUnit? Unit);

/// <summary>
/// One who takes packets. What it has not taken waits for it; when that is too much all of it goes, and it gets the next key frame once it
/// takes something again. Sound that comes before its key frame, because an encoder of pictures takes its time, waits for that. One thread
/// at a time.
/// </summary>
public sealed class PacketReader : IDisposable
{
    // Longer than any encoder looks ahead.
    private static readonly TimeSpan KeptSound = TimeSpan.FromSeconds(3);

    private readonly PacketRelay _relay;
    private readonly ReaderLimits _limits;
    private readonly object _gate = new();
    private readonly Queue<RelayItem> _waiting = new();
    private readonly Queue<EncodedUnit> _early = new();
    private readonly Queue<long> _pictureTimes = new();
    private readonly Queue<long> _soundTimes = new();
    private TaskCompletionSource? _news;
    private long _bytes;
    private bool _needsKey = true;
    private bool _takes = true;
    private bool _hasBegun;
    private bool _drains;
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
            KeepSound(long.MaxValue);
        }
    }

    // Where packets follow those before, all of them are good, and the next picture is a key frame.
    internal void Begin(StreamFormat format, bool follows)
    {
        lock (_gate)
        {
            if (!follows)
            {
                Clear();
                _needsKey = true;
            }

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

            if (IsTooSlow(unit))
            {
                Skip();
            }

            if (_needsKey && unit.Kind != PacketKind.Key)
            {
                if (unit.Kind == PacketKind.Sound)
                {
                    Keep(unit.Share());
                }
                else
                {
                    _skipped += _hasBegun ? 1 : 0;
                }

                // A key frame that waits with all that follows it until that is too much again is of use to nobody.
                return !_takes;
            }

            (_needsKey, _hasBegun) = (false, true);
            Enqueue(unit.Share());
            KeepSound(unit.Time);
            while (_early.TryDequeue(out var sound))
            {
                Enqueue(sound);
            }
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

    // What an encoder gives at its end comes as fast as it can: nothing of that is late.
    internal void Drain()
    {
        lock (_gate)
        {
            _drains = true;
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

    // Sound is ahead of pictures by what their encoder holds back.
    private bool IsTooSlow(EncodedUnit unit)
    {
        var longest = unit.Kind == PacketKind.Sound ? _limits.Longest + KeptSound : _limits.Longest;
        return !_drains && (_bytes > _limits.MostBytes
            || (TimesOf(unit).TryPeek(out var oldest) && TimeSpan.FromMicroseconds(unit.Time - oldest) > longest));
    }

    // A format that waits stays: it is needed for what follows.
    private void Skip()
    {
        var format = _waiting.LastOrDefault(i => i.Format is not null);
        _skipped += _pictureTimes.Count;
        Clear();
        if (format.Format is not null)
        {
            _waiting.Enqueue(format);
        }

        (_needsKey, _takes) = (true, false);
    }

    // Sound may be that of the key frame to come.
    private void Clear()
    {
        while (_waiting.TryDequeue(out var item))
        {
            if (item.Unit is { Kind: PacketKind.Sound } sound)
            {
                Keep(sound);
            }
            else
            {
                item.Unit?.Dispose();
            }
        }

        _pictureTimes.Clear();
        _soundTimes.Clear();
        _bytes = 0;
    }

    private void Keep(EncodedUnit sound)
    {
        _early.Enqueue(sound);
        KeepSound(sound.Time - (long)KeptSound.TotalMicroseconds);
    }

    private void KeepSound(long from)
    {
        while (_early.TryPeek(out var sound) && sound.Time < from)
        {
            _early.Dequeue().Dispose();
        }
    }

    private void Enqueue(EncodedUnit unit)
    {
        _waiting.Enqueue(new RelayItem(null, unit));
        TimesOf(unit).Enqueue(unit.Time);
        _bytes += Weight(unit);
    }

    private Queue<long> TimesOf(EncodedUnit unit) => unit.Kind == PacketKind.Sound ? _soundTimes : _pictureTimes;

    private void Taken(RelayItem item)
    {
        if (item.Unit is { } unit)
        {
            _ = TimesOf(unit).Dequeue();
            _bytes -= Weight(unit);
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
