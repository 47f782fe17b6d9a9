using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Peers;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// Receives RTMP publishers on a port, one at a time, and only those that name the right application and key. The port stays open from one
/// publisher to the next.
/// Peers that say nothing, nonsense or too much cost a few KB each for a few seconds, and keep nobody out: see <see cref="UnprovenPeers"/>.
/// </summary>
internal sealed class RtmpListener : IDisposable
{
    private const int MostGuests = 64;
    private const int SocketBuffer = 8 * 1024;

    // For the handshake, for the wish to connect and for the wish to publish, each.
    private static readonly TimeSpan PhaseTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan TellAgain = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TakeOverPause = TimeSpan.FromMilliseconds(10);

    private readonly RtmpAddress _address;
    private readonly string _shown;
    private readonly TimeSpan _patience;
    private readonly Action<string>? _refusal;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Channel<RtmpPublisher> _publishers = Channel.CreateBounded<RtmpPublisher>(1);
    private readonly Task _accepting;
    private readonly UnprovenPeers _guests = new(MostGuests);
    private (string Text, long At) _told = ("", 0);
    private RtmpPublisher? _publishing;
    private long _refused;

    /// <summary>Opens the port.</summary>
    /// <param name="address">An address with <c>?listen=1</c>.</param>
    /// <param name="patience">How long a publisher may be silent before it counts as gone; default 10 s.</param>
    /// <param name="refused">Told who was sent away and why, from any thread; null for nobody.</param>
    /// <exception cref="MediaException">The port cannot be opened.</exception>
    public RtmpListener(MediaAddress address, TimeSpan? patience = null, Action<string>? refused = null)
    {
        _address = RtmpAddress.Parse(address);
        _shown = address.Shown;
        _patience = patience ?? TimeSpan.FromSeconds(10);
        _refusal = refused;
        var ip = Resolve();
        try
        {
            _listener = new TcpListener(ip, _address.Port);
            // [::] is every address of this machine, the old ones included.
            if (ip.Equals(IPAddress.IPv6Any))
            {
                _listener.Server.DualMode = true;
            }

            _listener.Start();
        }
        catch (SocketException error)
        {
            throw new MediaException(
                $"'{_shown}' cannot be listened to: {error.Message}; is the port in use, or the address not this machine's?", error);
        }

        _accepting = Task.Run(() => AcceptLoop.RunAsync(_listener, _guests, Serve, _stopped.Token));
    }

    /// <summary>The TCP port, also when any free one was asked for.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Peers sent away so far: wrong application or key, no RTMP, too slow, or a second publisher.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Waits for the next publisher, which the caller disposes.</summary>
    public RtmpPublisher Accept(CancellationToken ct) => _publishers.Reader.ReadAsync(ct).AsTask().GetAwaiter().GetResult();

    public void Dispose()
    {
        if (_stopped.IsCancellationRequested)
        {
            return;
        }

        _stopped.Cancel();
        _listener.Stop();
        _accepting.GetAwaiter().GetResult();
        while (_publishers.Reader.TryRead(out var publisher))
        {
            publisher.Dispose();
        }
    }

    private IPAddress Resolve()
    {
        if (IPAddress.TryParse(_address.Host.Trim('[', ']'), out var address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(_address.Host)[0];
        }
        catch (Exception error) when (error is SocketException or IndexOutOfRangeException)
        {
            throw new MediaException(
                $"'{_shown}' cannot be listened to: the name {_address.Host} is not known; write 0.0.0.0 for all addresses of this "
                    + "machine.", error);
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
                using var buffered = new BufferedStream(network, SocketBuffer);
                await Serve(new DuplexStream(buffered, network), guest, peer).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException
            or OutOfMemoryException)
        {
            // The peer left, was too slow or was sent away; the next one may do better.
        }
    }

    private async Task Serve(Stream stream, UnprovenPeers.Guest guest, EndPoint? peer)
    {
        using var publishing = new RtmpPublishing(stream, _address);
        var publisher = new RtmpPublisher();
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
        try
        {
            await publishing.NegotiateAsync(hurry.Token, () => hurry.CancelAfter(PhaseTime)).ConfigureAwait(false);
            if (!await Begin(publisher, hurry.Token).ConfigureAwait(false))
            {
                await publishing.RefuseAsync("another publisher is there", hurry.Token).ConfigureAwait(false);
                throw new RtmpException("another publisher is there");
            }
        }
        catch (Exception error)
        {
            _ = Interlocked.Increment(ref _refused);
            if (publishing.HasAsked && error is RtmpException)
            {
                Tell(peer as IPEndPoint, error.Message);
            }

            throw;
        }

        guest.Proven();
        try
        {
            await publishing.AcceptAsync(hurry.Token).ConfigureAwait(false);
            await _publishers.Writer.WriteAsync(publisher, hurry.Token).ConfigureAwait(false);
            using var stop = _stopped.Token.Register(publisher.Dispose);
            await publisher.PumpAsync(publishing, _patience).ConfigureAwait(false);
            // The next one need not wait for the last words of this one.
            _ = Interlocked.CompareExchange(ref _publishing, null, publisher);
            await publishing.PartAsync(_stopped.Token).ConfigureAwait(false);
        }
        finally
        {
            publisher.Dispose();
            _ = Interlocked.CompareExchange(ref _publishing, null, publisher);
        }
    }

    // Those who say what they want are told of, there is no end of those who scan ports; and each of them for a while once.
    private void Tell(IPEndPoint? peer, string why)
    {
        var text = $"a publisher from {peer?.Address} was sent away: {why}";
        lock (_guests)
        {
            if (_told.Text == text && Stopwatch.GetElapsedTime(_told.At) < TellAgain)
            {
                return;
            }

            _told = (text, Stopwatch.GetTimestamp());
        }

        _refusal?.Invoke(text);
    }

    // With override=1 whoever knows the key takes over: the one before has stopped, perhaps, without a word.
    private async Task<bool> Begin(RtmpPublisher publisher, CancellationToken ct)
    {
        while (Interlocked.CompareExchange(ref _publishing, publisher, null) is { } other)
        {
            if (!_address.Overrides)
            {
                return false;
            }

            other.Dispose();
            _ = _publishers.Reader.TryRead(out _);
            await Task.Delay(TakeOverPause, ct).ConfigureAwait(false);
        }

        return true;
    }
}
