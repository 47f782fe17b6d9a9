using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace StreamDiff.Browser.Tests;

/// <summary>A wire between browser and studio that can be cut.</summary>
internal sealed class CutWire : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, bool> _ends = new();
    private readonly Uri _studio;
    private volatile bool _isCut;

    public CutWire(Uri studio)
    {
        _studio = studio;
        _listener.Start();
        _ = Accept();
    }

    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/");

    /// <summary>Ends all connections, and takes none until <see cref="Mend"/>.</summary>
    public void Cut()
    {
        _isCut = true;
        foreach (var end in _ends.Keys)
            end.Dispose();
    }

    public void Mend() => _isCut = false;

    public void Dispose()
    {
        _listener.Stop();
        Cut();
    }

    private async Task Accept()
    {
        try
        {
            while (true)
                _ = Carry(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The test is over.
        }
    }

    private async Task Carry(TcpClient here)
    {
        using var there = new TcpClient();
        try
        {
            _ends[here] = _ends[there] = true;
            if (_isCut)
                return;
            await there.ConnectAsync(_studio.Host, _studio.Port);
            var (one, other) = (here.GetStream(), there.GetStream());
            await Task.WhenAny(one.CopyToAsync(other), other.CopyToAsync(one));
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // It was cut, or one end has gone.
        }
        finally
        {
            here.Dispose();
            _ = _ends.TryRemove(here, out _);
            _ = _ends.TryRemove(there, out _);
        }
    }
}
