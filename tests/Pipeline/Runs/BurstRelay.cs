using System.Net;
using System.Net.Sockets;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Passes a connection, or datagrams, on in bursts: what a mobile uplink does to a steady sender.</summary>
internal sealed class BurstRelay : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Socket _door;
    private readonly Task _work;

    private BurstRelay(SocketType type, ProtocolType protocol, int target, TimeSpan every)
    {
        _door = new Socket(AddressFamily.InterNetwork, type, protocol);
        _door.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _work = Task.Factory.StartNew(
            () => Run(type, protocol, new IPEndPoint(IPAddress.Loopback, target), every), TaskCreationOptions.LongRunning);
    }

    public int Port => ((IPEndPoint)_door.LocalEndPoint!).Port;

    public static BurstRelay Tcp(int target, TimeSpan every) => new(SocketType.Stream, ProtocolType.Tcp, target, every);

    public static BurstRelay Udp(int target, TimeSpan every) => new(SocketType.Dgram, ProtocolType.Udp, target, every);

    public void Dispose()
    {
        _stop.Cancel();
        _door.Dispose();
        _work.Wait();
        _stop.Dispose();
    }

    private void Run(SocketType type, ProtocolType protocol, IPEndPoint target, TimeSpan every)
    {
        try
        {
            using var there = new Socket(AddressFamily.InterNetwork, type, protocol);
            using var here = type == SocketType.Stream ? Accept() : _door;
            there.Connect(target);
            using var stop = _stop.Token.Register(there.Dispose);
            if (type == SocketType.Stream)
                _ = Task.Run(() => Answer(there, here));
            while (!_stop.Token.WaitHandle.WaitOne(every))
                Pass(here, there);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // One side is gone.
        }
    }

    private Socket Accept()
    {
        _door.Listen();
        return _door.Accept();
    }

    // What has come meanwhile.
    private static void Pass(Socket here, Socket there)
    {
        var buffer = new byte[1 << 16];
        while (here.Available > 0)
            _ = there.Send(buffer.AsSpan(0, here.Receive(buffer)));
    }

    private static void Answer(Socket there, Socket here)
    {
        try
        {
            var buffer = new byte[1 << 16];
            while (there.Receive(buffer) is > 0 and var count)
                _ = here.Send(buffer.AsSpan(0, count));
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            // One side is gone.
        }
    }
}
