using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// Receives RTMP publishers on a port, one at a time, and only those that name the right application and key. The port stays open from one
/// publisher to the next.
/// Peers that say nothing, nonsense or too much cost one bounded connection each for a few seconds.
/// </summary>
internal sealed class RtmpListener : IDisposable
{
    private const int MostGuests = 32;
    private const int SocketBuffer = 64 * 1024;
    private static readonly TimeSpan NegotiationTime = TimeSpan.FromSeconds(5);

    private readonly RtmpAddress _address;
    private readonly string _shown;
    private readonly TimeSpan _patience;
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Channel<RtmpPublisher> _publishers = Channel.CreateBounded<RtmpPublisher>(1);
    private readonly Task _accepting;
    private int _guests;
    private int _publishing;
    private long _refused;

    /// <summary>Opens the port.</summary>
    /// <param name="address">An address with <c>?listen=1</c>.</param>
    /// <param name="patience">How long a publisher may be silent before it counts as gone; default 10 s.</param>
    /// <exception cref="MediaException">The port cannot be opened.</exception>
    public RtmpListener(MediaAddress address, TimeSpan? patience = null)
    {
        _address = RtmpAddress.Parse(address);
        _shown = address.Shown;
        _patience = patience ?? TimeSpan.FromSeconds(10);
        try
        {
            _listener = new TcpListener(Resolve(_address.Host), _address.Port);
            _listener.Start();
        }
        catch (SocketException error)
        {
            throw new MediaException(
                $"'{_shown}' cannot be listened to: {error.Message}; is the port in use, or the address not this machine's?", error);
        }

        _accepting = Task.Run(AcceptAll);
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

    private static IPAddress Resolve(string host) =>
        IPAddress.TryParse(host.Trim('[', ']'), out var address)
            ? address
            : Dns.GetHostAddresses(host).FirstOrDefault() ?? throw new SocketException((int)SocketError.HostNotFound);

    private async Task AcceptAll()
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stopped.Token).ConfigureAwait(false);
                if (Interlocked.Increment(ref _guests) > MostGuests)
                {
                    _ = Interlocked.Decrement(ref _guests);
                    client.Dispose();
                    continue;
                }

                _ = Task.Run(() => Serve(client));
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (SocketException)
            {
                // A peer that left while it was being accepted, or a moment without file handles.
                await Task.Delay(100).ConfigureAwait(false);
            }
        }
    }

    private async Task Serve(TcpClient client)
    {
        try
        {
            using (client)
            {
                client.NoDelay = true;
                var network = client.GetStream();
                using var buffered = new BufferedStream(network, SocketBuffer);
                await Serve(new DuplexStream(buffered, network)).ConfigureAwait(false);
            }
        }
        catch (Exception error) when (error is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer left, was too slow or was sent away; the next one may do better.
        }
        finally
        {
            _ = Interlocked.Decrement(ref _guests);
        }
    }

    private async Task Serve(Stream stream)
    {
        var publishing = new RtmpPublishing(stream, _address);
        using var hurry = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
        hurry.CancelAfter(NegotiationTime);
        try
        {
            await publishing.NegotiateAsync(hurry.Token).ConfigureAwait(false);
            if (Interlocked.CompareExchange(ref _publishing, 1, 0) != 0)
            {
                await publishing.RefuseAsync("another publisher is there", hurry.Token).ConfigureAwait(false);
                throw new RtmpException("another publisher is there");
            }
        }
        catch
        {
            _ = Interlocked.Increment(ref _refused);
            throw;
        }

        var publisher = new RtmpPublisher();
        try
        {
            await publishing.AcceptAsync(hurry.Token).ConfigureAwait(false);
            await _publishers.Writer.WriteAsync(publisher, hurry.Token).ConfigureAwait(false);
            using var stop = _stopped.Token.Register(publisher.Dispose);
            await publisher.PumpAsync(publishing, _patience).ConfigureAwait(false);
        }
        finally
        {
            _ = Interlocked.Exchange(ref _publishing, 0);
        }
    }
}
