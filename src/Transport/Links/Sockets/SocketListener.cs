using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using StreamDiff.Transport.Peers;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// Waits for callers at an address. Whoever does not shake hands in time and rightly is dropped and leaves nothing behind; where too many
/// try at once, the oldest of them is dropped (<see cref="UnprovenPeers"/>).
/// </summary>
public sealed class SocketListener : IDisposable
{
    private readonly TcpListener _listener;
    private readonly LinkOptions _options;
    private readonly LinkIdentity _identity;
    private readonly Action<ILink> _accept;
    private readonly Action<string> _log;
    private readonly UnprovenPeers _callers;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _loop;

    /// <param name="endpoint">Where to listen; port 0 for any that is free.</param>
    /// <param name="options">Secret and limits.</param>
    /// <param name="identity">What a caller must have in common.</param>
    /// <param name="accept">Given each link that has shaken hands, not opened yet; takes it over.</param>
    /// <param name="log">One line for every caller that was refused.</param>
    /// <exception cref="LinkException">The address cannot be listened at.</exception>
    public SocketListener(IPEndPoint endpoint, LinkOptions options, LinkIdentity identity, Action<ILink> accept, Action<string> log)
    {
        (_options, _identity, _accept, _log) = (options, identity, accept, log);
        _callers = new UnprovenPeers(options.MaxHandshakes);
        _listener = new TcpListener(endpoint);
        try
        {
            _listener.Start();
        }
        catch (SocketException e)
        {
            throw new LinkException($"cannot listen at {endpoint}: {e.Message}", e);
        }
        Endpoint = (IPEndPoint)_listener.LocalEndpoint;
        _loop = Task.Run(() => AcceptLoop.RunAsync(_listener, _callers, Welcome, _stop.Token));
    }

    /// <summary>Where it listens, with the port that was found free.</summary>
    public IPEndPoint Endpoint { get; }

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Stop();
        _loop.GetAwaiter().GetResult();
        _listener.Dispose();
    }

    private async Task Welcome(Socket socket, UnprovenPeers.Guest guest)
    {
        var from = "an unknown caller";
        Stream? stream = null;
        try
        {
            from = socket.RemoteEndPoint?.ToString() ?? from;
            using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            timeout.CancelAfter(_options.HandshakeTimeout);
            LinkSocket.Prepare(socket, _options);
            stream = new NetworkStream(socket, ownsSocket: true);
            if (_options.ServerCertificate is { } certificate)
            {
                var tls = new SslStream(stream);
                stream = tls;
                await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, timeout.Token)
                    .ConfigureAwait(false);
            }
            var (caller, lane) = await Handshake.AnswerAsync(stream, _options, _identity, $"the rank at {Endpoint}", timeout.Token)
                .ConfigureAwait(false);
            guest.Proven();
            _accept(await LaneOpening.OpenAsync(stream, $"{caller} at {from}", _options, lane, isCaller: false).ConfigureAwait(false));
        }
        catch (Exception e)
        {
            // Whatever a stranger sends, it costs one line.
            _log($"refused {from}: {Reason(e)}");
            if (stream is not null)
                await stream.DisposeAsync().ConfigureAwait(false);
            socket.Dispose();
        }
        finally
        {
            guest.Dispose();
        }

        string Reason(Exception e) => guest.WasDropped ? "too many callers, and it had not shaken hands yet"
            : e is OperationCanceledException ? "no handshake in time" : e.Message.Split('\n')[0];
    }
}
