using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Transport.Peers;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// A TCP port that publishers come to, opened once however many inputs of the process listen there; application and stream key say which
/// of them a publisher is for. Peers that say nothing, nonsense or too much cost a few KB each for a few seconds, and keep nobody out: see
/// <see cref="UnprovenPeers"/>.
/// </summary>
internal sealed class RtmpPort : IDisposable
{
    private const int MostGuests = 64;
    private const int SocketBuffer = 8 * 1024;

    // For TLS, for the handshake, for the wish to connect and for the wish to publish, each.
    private static readonly TimeSpan PhaseTime = TimeSpan.FromSeconds(5);
    private static readonly Lock Gate = new();
    private static readonly List<RtmpPort> Ports = [];

    private readonly string _certificateFiles;
    private readonly SslStreamCertificateContext? _certificate;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopped = new();
    private readonly UnprovenPeers _guests = new(MostGuests);
    private readonly Task _accepting;
    private readonly List<RtmpListener> _inputs = [];
    private long _refused;

    private RtmpPort(IPEndPoint endPoint, RtmpAddress address)
    {
        (_certificateFiles, _certificate) = (CertificateFiles(address), Certificate(address));
        _listener = new TcpListener(endPoint);
        if (endPoint.Address.Equals(IPAddress.IPv6Any))
        {
            // "[::]" means both kinds of addresses.
            _listener.Server.DualMode = true;
        }

        _listener.Start();
        _accepting = Task.Run(() => AcceptLoop.RunAsync(_listener, _guests, Serve, _stopped.Token));
    }

    /// <summary>Its number, also when any free one was asked for.</summary>
    public int Number => EndPoint.Port;

    /// <summary>Peers sent away so far for no input in particular: no RTMP, too slow, or wrong application or key.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    private IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Adds an input to a port, which is opened for the first one.</summary>
    /// <exception cref="SocketException">It cannot be opened.</exception>
    /// <exception cref="MediaException">
    /// The name is not known, another input is there for the same application and key, or certificates cannot be used.
    /// </exception>
    public static RtmpPort Join(RtmpListener input)
    {
        var address = input.Address;
        var endPoint = new IPEndPoint(Resolve(input), address.Port);
        lock (Gate)
        {
            var port = Ports.Find(p => p.EndPoint.Equals(endPoint) && p._certificateFiles == CertificateFiles(address));
            if (port?._inputs.Exists(i => (i.Address.App, i.Address.Key) == (address.App, address.Key)) == true)
            {
                throw new MediaException(
                    $"'{input.Shown}' is listened to already: another input there has the same application and stream key.");
            }

            if (port is null)
            {
                port = new RtmpPort(endPoint, address);
                Ports.Add(port);
            }

            port._inputs.Add(input);
            return port;
        }
    }

    /// <summary>Takes an input away; the port is closed with the last one.</summary>
    public void Leave(RtmpListener input)
    {
        lock (Gate)
        {
            if (!_inputs.Remove(input) || _inputs.Count > 0)
            {
                return;
            }

            _ = Ports.Remove(this);
            // Within the lock: whoever joins next finds the port free.
            _listener.Stop();
        }

        Dispose();
    }

    /// <summary>Sends everybody away who is at the port.</summary>
    public void Dispose()
    {
        _stopped.Cancel();
        _listener.Dispose();
        _accepting.GetAwaiter().GetResult();
    }

    // The one that names the key goes before one that takes any.
    private RtmpListener? Find(string app, string? key)
    {
        lock (Gate)
        {
            return _inputs.OrderByDescending(i => i.Address.Key.Length > 0).ThenByDescending(i => i.Address.App.Length > 0)
                .FirstOrDefault(i => i.Address.AcceptsApp(app) && (key is null || i.Address.AcceptsKey(key)));
        }
    }

    private List<RtmpListener> Inputs()
    {
        lock (Gate)
        {
            return [.. _inputs];
        }
    }

    private async Task Serve(Socket socket, UnprovenPeers.Guest guest)
    {
        var peer = socket.RemoteEndPoint;
        try
        {
            using (socket)
            using (guest)
            {
                socket.NoDelay = true;
                using var network = new NetworkStream(socket, ownsSocket: true);
                using var hurry = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
                using var secured = await Secured(network, hurry).ConfigureAwait(false);
                Stream stream = secured ?? (Stream)network;
                using var buffered = new BufferedStream(stream, SocketBuffer);
                await Serve(new DuplexStream(buffered, stream), guest, peer, hurry).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException
            or OutOfMemoryException or AuthenticationException)
        {
            // The peer left, was too slow or was sent away; the next one may do better.
        }
    }

    private async Task<SslStream?> Secured(NetworkStream network, CancellationTokenSource hurry)
    {
        if (_certificate is null)
        {
            return null;
        }

        var secured = new SslStream(network);
        try
        {
            hurry.CancelAfter(PhaseTime);
            var options = new SslServerAuthenticationOptions { ServerCertificateContext = _certificate };
            await secured.AuthenticateAsServerAsync(options, hurry.Token).ConfigureAwait(false);
            return secured;
        }
        catch
        {
            _ = Interlocked.Increment(ref _refused);
            await secured.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private async Task Serve(Stream stream, UnprovenPeers.Guest guest, EndPoint? peer, CancellationTokenSource hurry)
    {
        using var publishing = new RtmpPublishing(stream, (app, key) => Find(app, key) is not null);
        RtmpListener? input;
        try
        {
            await publishing.NegotiateAsync(hurry.Token, () => hurry.CancelAfter(PhaseTime)).ConfigureAwait(false);
            input = Find(publishing.App, publishing.Key);
            if (input is null)
            {
                throw new RtmpException("the input has gone");
            }
        }
        catch (Exception error)
        {
            _ = Interlocked.Increment(ref _refused);
            // Those who say what they want are told of: there is no end of those who scan ports.
            if (publishing.HasAsked && error is RtmpException)
            {
                Inputs().ForEach(i => i.Tell(peer, error.Message));
            }

            throw;
        }

        await input.Serve(publishing, guest, peer, hurry.Token).ConfigureAwait(false);
    }

    private static IPAddress Resolve(RtmpListener input)
    {
        var host = input.Address.Host;
        if (IPAddress.TryParse(host.Trim('[', ']'), out var address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(host)[0];
        }
        catch (Exception error) when (error is SocketException or IndexOutOfRangeException)
        {
            throw new MediaException(
                $"'{input.Shown}' cannot be listened to: the name {host} is not known; write 0.0.0.0 for all addresses of this machine.",
                error);
        }
    }

    private static string CertificateFiles(RtmpAddress address) =>
        address.IsSecured ? $"{address.Certificate}\n{address.CertificateKey}" : "";

    private static SslStreamCertificateContext? Certificate(RtmpAddress address)
    {
        if (!address.IsSecured)
        {
            return null;
        }

        try
        {
            using var certificate = X509Certificate2.CreateFromPemFile(address.Certificate!, address.CertificateKey);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(address.Certificate!);
            // SslStream wants a key that the system's store could hold.
            var usable = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
            return SslStreamCertificateContext.Create(usable, chain, offline: true);
        }
        catch (Exception error) when (error is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new MediaException($"The certificate {address.Certificate} cannot be used: {error.Message.TrimEnd('.')}.", error);
        }
    }
}
