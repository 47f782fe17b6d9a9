using StreamDiff.Transport.Links;

namespace StreamDiff.Pipeline.Ranks;

/// <summary>Makes links to ranks by their address.</summary>
public interface IRankConnector
{
    /// <summary>A link to the rank at an address, whose messages go into an inbox.</summary>
    /// <param name="address">local:N, or host:port.</param>
    /// <param name="inbox">Where what the rank sends arrives.</param>
    /// <param name="self">Name of this end, for messages to people.</param>
    /// <exception cref="LinkException">The rank cannot be reached, or refuses.</exception>
    ILink Connect(string address, LinkInbox inbox, string self);
}

/// <summary>Ranks of this process, by address.</summary>
public sealed class LocalRanks : IRankConnector
{
    private readonly Dictionary<string, LinkInbox> _inboxes = [];
    private readonly Lock _gate = new();

    /// <summary>Makes a rank known.</summary>
    public void Add(string address, LinkInbox inbox)
    {
        lock (_gate)
            _inboxes[address] = inbox;
    }

    /// <summary>True when a rank of this process has the address.</summary>
    public bool Knows(string address)
    {
        lock (_gate)
            return _inboxes.ContainsKey(address);
    }

    public ILink Connect(string address, LinkInbox inbox, string self)
    {
        LinkInbox? other;
        lock (_gate)
            other = _inboxes.GetValueOrDefault(address);
        if (other is null)
            throw new LinkException($"there is no rank {address} in this process");
        var (mine, theirs) = InProcessLink.Pair(self, address);
        mine.Open(inbox);
        theirs.Open(other);
        return mine;
    }
}
