using System.Net;
using System.Net.Sockets;

namespace StreamDiff.Transport.Peers;

/// <summary>
/// Connections whose peers have not shown yet that they may be here. Where there are too many, of one address or in all, the one that has
/// been here longest is dropped for the new one: who knows how to speak is through long before it is the oldest, and who says nothing, or
/// little, keeps nobody out.
/// </summary>
/// <param name="most">Most connections at the same time.</param>
internal sealed class UnprovenPeers(int most)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Guest> _guests = [];

    /// <summary>Connections that were dropped for newer ones so far.</summary>
    public long Dropped { get; private set; }

    /// <summary>Those that are here.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _guests.Count;
        }
    }

    /// <summary>Takes a new connection in, which the caller goes on to own; may drop an older one.</summary>
    public Guest Admit(Socket socket)
    {
        var guest = new Guest(this, socket, AddressOf(socket));
        List<Guest> dropped = [];
        lock (_gate)
        {
            // One address may have half of the room, so that those of others are not pushed out by it alone.
            if (_guests.Count(g => g.Address.Equals(guest.Address)) >= Math.Max(1, most / 2))
                Remove(_guests.First(g => g.Address.Equals(guest.Address)), dropped);
            while (_guests.Count >= most)
                Remove(_guests.First!.Value, dropped);
            if (_guests.First is { } oldest && HandleReserve.Holds(socket))
                Remove(oldest.Value, dropped);
            _guests.AddLast(guest.Node);
        }
        dropped.ForEach(d => d.Drop());
        return guest;
    }

    /// <summary>Drops the oldest to have a handle free.</summary>
    public void DropOldest()
    {
        List<Guest> dropped = [];
        lock (_gate)
            if (_guests.First is { } first)
                Remove(first.Value, dropped);
        dropped.ForEach(d => d.Drop());
    }

    private void Remove(Guest guest, List<Guest> dropped)
    {
        _guests.Remove(guest.Node);
        dropped.Add(guest);
        Dropped++;
    }

    private static IPAddress AddressOf(Socket socket)
    {
        try
        {
            return PeerNetwork.Of(((IPEndPoint)socket.RemoteEndPoint!).Address);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or NullReferenceException)
        {
            // It has left already.
            return IPAddress.None;
        }
    }

    /// <summary>One connection; disposing it, or proving it, frees its place and leaves the socket to its owner.</summary>
    internal sealed class Guest : IDisposable
    {
        private readonly UnprovenPeers _peers;
        private readonly Socket _socket;

        internal Guest(UnprovenPeers peers, Socket socket, IPAddress address)
        {
            (_peers, _socket, Address) = (peers, socket, address);
            Node = new LinkedListNode<Guest>(this);
        }

        internal IPAddress Address { get; }

        internal LinkedListNode<Guest> Node { get; }

        /// <summary>True when it was dropped for a newer one.</summary>
        public bool WasDropped { get; private set; }

        /// <summary>The peer has shown who it is.</summary>
        public void Proven() => Dispose();

        public void Dispose()
        {
            lock (_peers._gate)
                if (Node.List is not null)
                    _peers._guests.Remove(Node);
        }

        internal void Drop()
        {
            WasDropped = true;
            // Without waiting for what was sent: nothing of it is kept.
            _socket.Close(0);
        }
    }
}
