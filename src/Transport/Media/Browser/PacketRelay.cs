namespace StreamDiff.Transport.Media.Browser;

/// <summary>
/// Hands the packets of one encoder to any number of viewers. Whoever comes late, or was too slow, goes on at a key frame, which the
/// encoder is asked for; nobody waits for anybody. Used from any thread.
/// </summary>
public sealed class PacketRelay
{
    // Key frames are large: viewers who cannot keep up must not spoil the picture of those who can.
    private static readonly TimeSpan BetweenKeys = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly List<PacketViewer> _viewers = [];
    private readonly TimeProvider _time;
    private StreamFormat? _format;
    private long? _lastKey;
    private bool _wantsKey;
    private bool _isEnded;

    /// <param name="time">Tells how long ago the last key frame was; null (the default) is the system's clock.</param>
    public PacketRelay(TimeProvider? time = null) => _time = time ?? TimeProvider.System;

    /// <summary>Viewers there are now.</summary>
    public int Viewers
    {
        get
        {
            lock (_gate)
            {
                return _viewers.Count;
            }
        }
    }

    /// <summary>A new viewer, whose first packet will be a key frame; the caller disposes it.</summary>
    public PacketViewer Join()
    {
        lock (_gate)
        {
            var viewer = new PacketViewer(this);
            if (_isEnded)
            {
                viewer.End();
                return viewer;
            }

            if (_format is not null)
            {
                viewer.Begin(_format);
            }

            _viewers.Add(viewer);
            _wantsKey = true;
            return viewer;
        }
    }

    /// <summary>Asks for a key frame, such as for the beginning of a recording.</summary>
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
            foreach (var viewer in _viewers)
            {
                viewer.End();
            }
        }
    }

    /// <summary>Packets of another encoder follow, or of the first one.</summary>
    internal void Begin(StreamFormat format)
    {
        lock (_gate)
        {
            (_format, _lastKey, _wantsKey) = (format, null, true);
            foreach (var viewer in _viewers)
            {
                viewer.Begin(format);
            }
        }
    }

    /// <summary>True when the next frame is to be a key frame; it is told once.</summary>
    internal bool TakesKey()
    {
        lock (_gate)
        {
            if (!_wantsKey || (_lastKey is { } last && _time.GetElapsedTime(last) < BetweenKeys))
            {
                return false;
            }

            _wantsKey = false;
            return true;
        }
    }

    /// <summary>Hands a packet to all viewers.</summary>
    internal void Send(EncodedPacket packet)
    {
        lock (_gate)
        {
            if (packet.Kind == PacketKind.Key)
            {
                _lastKey = _time.GetTimestamp();
            }

            foreach (var viewer in _viewers)
            {
                _wantsKey |= !viewer.Add(packet);
            }
        }
    }

    internal void Leave(PacketViewer viewer)
    {
        lock (_gate)
        {
            _ = _viewers.Remove(viewer);
        }
    }
}
