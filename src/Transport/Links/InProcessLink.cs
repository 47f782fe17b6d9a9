namespace StreamDiff.Transport.Links;

/// <summary>
/// Joins two ranks of one process: messages change hands, nothing is copied here. A receiver on another device copies for itself, device to
/// device.
/// </summary>
public sealed class InProcessLink : ILink
{
    private readonly Lock _gate = new();
    private InProcessLink _other = null!;
    private LinkInbox? _inbox;
    private bool _closed;
    private long _messagesSent;
    private long _bytesSent;

    private InProcessLink(string peer) => Peer = peer;

    public string Peer { get; }

    public string Carrier => "in process";

    public LinkStatistics Statistics => new(_messagesSent, _bytesSent, _other._messagesSent, _other._bytesSent);

    public TimeSpan Silence => TimeSpan.Zero;

    public TimeSpan PeerBusy => _other.Inbox()?.Busy ?? TimeSpan.Zero;

    /// <summary>Two ends of a link.</summary>
    /// <param name="first">Name of whoever holds the first end, as the second sees it.</param>
    /// <param name="second">Name of whoever holds the second end.</param>
    public static (ILink First, ILink Second) Pair(string first, string second)
    {
        var (a, b) = (new InProcessLink(second), new InProcessLink(first));
        (a._other, b._other) = (b, a);
        return (a, b);
    }

    public void Open(LinkInbox inbox)
    {
        lock (_gate)
            _inbox = inbox;
    }

    public void Send(LinkMessage message)
    {
        var inbox = _other.Inbox();
        if (inbox is null)
        {
            message.Dispose();
            throw new LinkException($"the link to {Peer} is closed");
        }
        _messagesSent++;
        foreach (var payload in message.Payloads)
            _bytesSent += payload.Bytes;
        if (!inbox.Put(new LinkEvent(_other, message, null)))
            throw new LinkException($"{Peer} takes no messages any more");
    }

    public void Ping()
    {
        // A peer of the same process need not answer: its state can be looked at.
    }

    public void Dispose()
    {
        if (!Close())
            return;
        // Whoever ends a link need not be told; the other end learns of it like any message, in order.
        var inbox = _other.Inbox();
        if (_other.Close() && inbox is not null)
            inbox.TryPut(new LinkEvent(_other, null, "the other end was closed"));
    }

    private LinkInbox? Inbox()
    {
        lock (_gate)
            return _closed ? null : _inbox ?? throw new InvalidOperationException("the receiving end is not open yet");
    }

    private bool Close()
    {
        lock (_gate)
        {
            var was = _closed;
            _closed = true;
            return !was;
        }
    }
}
