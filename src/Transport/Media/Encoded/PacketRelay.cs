namespace StreamDiff.Transport.Media.Encoded;

/// <summary>
/// Hands what encoders make to any number of readers: outputs and viewers. Whoever comes late, or was too slow, goes on at a key frame,
/// which the encoder is asked for; nobody waits for anybody. Used from any thread.
/// </summary>
public sealed class PacketRelay
{
    // Key frames are large: readers who cannot keep up must not spoil the picture of those who can.
    private static readonly TimeSpan BetweenKeys = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan BetweenSparedKeys = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly List<PacketReader> _readers = [];
    private readonly TimeProvider _time;
    private StreamFormat? _format;
    private long? _lastKey;
    private bool _wantsKey;
    private bool _isUrgent;
    private bool _hasNew;
    private bool _drains;
    private bool _isEnded;
    private long _sent;

    /// <param name="time">Tells how long ago the last key frame was; null (the default) is the system's clock.</param>
    public PacketRelay(TimeProvider? time = null) => _time = time ?? TimeProvider.System;

    /// <summary>Readers there are now.</summary>
    public int Readers
    {
        get
        {
            lock (_gate)
            {
                return _readers.Count;
            }
        }
    }

    /// <summary>Pictures that were handed to at least one reader, or would have been had it been quick enough.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>A new reader, whose first picture will be a key frame; the caller disposes it.</summary>
    /// <param name="limits">How much may wait for it; null (the default) as is good for one who watches.</param>
    /// <param name="isUrgent">True asks for the key frame at once, however short ago the last one was; default false.</param>
    public PacketReader Join(ReaderLimits? limits = null, bool isUrgent = false)
    {
        lock (_gate)
        {
            var reader = new PacketReader(this, limits ?? ReaderLimits.Viewer);
            if (_isEnded)
            {
                reader.End();
                return reader;
            }

            if (_format is not null)
            {
                reader.Begin(_format, follows: false);
            }

            if (_drains)
            {
                reader.Drain();
            }

            _readers.Add(reader);
            (_wantsKey, _hasNew, _isUrgent) = (true, true, _isUrgent || isUrgent);
            return reader;
        }
    }

    /// <summary>Asks for a key frame, such as for a picture that is damaged.</summary>
    public void AskForKey()
    {
        lock (_gate)
        {
            _wantsKey = true;
        }
    }

    /// <summary>No packet follows: the session has ended.</summary>
    public void End()
    {
        lock (_gate)
        {
            _isEnded = true;
            foreach (var reader in _readers)
            {
                reader.End();
            }
        }
    }

    /// <summary>The end is near: readers get all that still comes, however slow they are.</summary>
    public void Drain()
    {
        lock (_gate)
        {
            _drains = true;
            foreach (var reader in _readers)
            {
                reader.Drain();
            }
        }
    }

    /// <summary>Packets of another encoder follow, or of the first one.</summary>
    /// <param name="format">What they hold.</param>
    /// <param name="follows">True where what waits for readers is whole and still to be taken; default false.</param>
    public void Begin(StreamFormat format, bool follows = false)
    {
        lock (_gate)
        {
            (_format, _lastKey, _wantsKey) = (format, null, true);
            foreach (var reader in _readers)
            {
                reader.Begin(format, follows);
            }
        }
    }

    /// <summary>True when the next frame is to be a key frame; it is told once.</summary>
    /// <param name="isSparing">
    /// True where others pay for it too: 2 instead of 0.5 seconds from key frame to key frame, but for a reader who is new; default false.
    /// </param>
    public bool TakesKey(bool isSparing = false)
    {
        lock (_gate)
        {
            var between = isSparing && !_hasNew ? BetweenSparedKeys : BetweenKeys;
            if (!_wantsKey || (!_isUrgent && _lastKey is { } last && _time.GetElapsedTime(last) < between))
            {
                return false;
            }

            // An encoder may hold pictures back: until the key frame comes no other one is asked for.
            (_wantsKey, _hasNew, _isUrgent, _lastKey) = (false, false, false, _time.GetTimestamp());
            return true;
        }
    }

    /// <summary>Hands a packet to all readers; the caller keeps its hold.</summary>
    public void Send(EncodedUnit unit)
    {
        ArgumentNullException.ThrowIfNull(unit);
        lock (_gate)
        {
            if (unit.Kind == PacketKind.Key)
            {
                (_wantsKey, _hasNew, _isUrgent, _lastKey) = (false, false, false, _time.GetTimestamp());
            }

            _sent += unit.Kind != PacketKind.Sound && _readers.Count > 0 ? 1 : 0;
            foreach (var reader in _readers)
            {
                _wantsKey |= !reader.Add(unit);
            }
        }
    }

    /// <summary>Says that the encoder was too slow for a picture.</summary>
    public void Miss()
    {
        lock (_gate)
        {
            foreach (var reader in _readers)
            {
                reader.Miss();
            }
        }
    }

    internal void Leave(PacketReader reader)
    {
        lock (_gate)
        {
            _ = _readers.Remove(reader);
        }
    }
}
