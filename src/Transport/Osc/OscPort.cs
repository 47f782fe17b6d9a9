using System.Net;
using System.Net.Sockets;

namespace StreamDiff.Transport.Osc;

/// <summary>A UDP port that takes messages of Open Sound Control, and sends them.</summary>
public sealed class OscPort : IDisposable
{
    private readonly Socket _socket;
    private readonly Action<OscMessage> _received;
    private readonly Action<string> _wrong;
    private readonly Thread _thread;
    private volatile bool _isOver;

    /// <summary>Listens; messages are taken from <see cref="Begin"/> on.</summary>
    /// <param name="address">Where it listens; port 0 takes a free one.</param>
    /// <param name="received">Takes each message, on the port's thread.</param>
    /// <param name="wrong">Told of a packet that is none, in one line.</param>
    /// <exception cref="IOException">It cannot listen there.</exception>
    public OscPort(IPEndPoint address, Action<OscMessage> received, Action<string> wrong)
    {
        ArgumentNullException.ThrowIfNull(address);
        (_received, _wrong) = (received, wrong);
        _socket = new Socket(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        try
        {
            _socket.Bind(address);
        }
        catch (SocketException e)
        {
            _socket.Dispose();
            throw new IOException($"osc {address} cannot be listened at: {e.Message}", e);
        }
        _thread = new Thread(Receive) { Name = "streamdiff osc", IsBackground = true };
    }

    /// <summary>Begins to take messages: whoever takes them may need this port, to answer.</summary>
    public void Begin() => _thread.Start();

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address => (IPEndPoint)_socket.LocalEndPoint!;

    /// <summary>Sends a message; one that nobody takes is lost, as UDP is.</summary>
    public void Send(OscMessage message, IPEndPoint to)
    {
        ArgumentNullException.ThrowIfNull(message);
        try
        {
            _socket.SendTo(message.ToPacket(), to);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Nobody there, or a text longer than a packet.
        }
    }

    public void Dispose()
    {
        _isOver = true;
        _socket.Dispose();
        if (_thread.IsAlive && Thread.CurrentThread != _thread)
            _thread.Join();
    }

    private void Receive()
    {
        var buffer = new byte[OscMessage.LargestPacket];
        while (!_isOver)
        {
            try
            {
                var count = _socket.Receive(buffer);
                foreach (var message in OscMessage.Read(buffer.AsSpan(0, count)))
                    _received(message);
            }
            catch (FormatException e)
            {
                _wrong($"an OSC packet is not understood: {e.Message}");
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Closed, or told that somebody whom it has sent to is not there.
            }
        }
    }
}
