namespace StreamDiff.Transport.Links;

/// <summary>
/// Two ranks, or a rank and the driver, joined both ways. Messages arrive whole and in order, or the link is closed and says why. Sending
/// hands a message over and returns as soon as it is queued, so that it travels while the next tick is computed.
/// </summary>
public interface ILink : IDisposable
{
    /// <summary>Who is at the other end, for messages to people.</summary>
    string Peer { get; }

    /// <summary>What carries arrays, and why nothing faster does where that was wanted, for messages to people.</summary>
    string Carrier { get; }

    /// <summary>Begins to put what arrives into an inbox, which may serve several links. Called once.</summary>
    void Open(LinkInbox inbox);

    /// <summary>Queues a message, which belongs to the link from then on. Waits while as many as are allowed are outstanding.</summary>
    /// <exception cref="LinkException">The link is closed.</exception>
    void Send(LinkMessage message);

    /// <summary>Asks the peer for a sign of life; the answer shows in <see cref="Silence"/> and <see cref="PeerBusy"/>.</summary>
    void Ping();

    /// <summary>How long nothing has been heard of the peer; zero within a process.</summary>
    TimeSpan Silence { get; }

    /// <summary>How long the peer had worked on one message when it last told.</summary>
    TimeSpan PeerBusy { get; }

    LinkStatistics Statistics { get; }
}

/// <summary>What went over a link so far.</summary>
/// <param name="MessagesSent">Messages.</param>
/// <param name="BytesSent">Bytes of payload.</param>
/// <param name="MessagesReceived">Messages.</param>
/// <param name="BytesReceived">Bytes of payload.</param>
public readonly record struct LinkStatistics(long MessagesSent, long BytesSent, long MessagesReceived, long BytesReceived);

/// <summary>A link cannot be made or has ended; the message says what to do where something can be done.</summary>
public sealed class LinkException : Exception
{
    public LinkException(string message)
        : base(message)
    {
    }

    public LinkException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
