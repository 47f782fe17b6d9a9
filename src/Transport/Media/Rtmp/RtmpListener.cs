using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Peers;

namespace StreamDiff.Transport.Media.Rtmp;

/// <summary>
/// Receives RTMP publishers for one input, one at a time, and only those that name the right application and key. The port stays open from
/// one publisher to the next, and is shared with other inputs of the process: see <see cref="RtmpPort"/>.
/// </summary>
internal sealed class RtmpListener : IDisposable
{
    private static readonly TimeSpan TellAgain = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TakeOverPause = TimeSpan.FromMilliseconds(10);

    private readonly RtmpPort _port;
    private readonly TimeSpan _patience;
    private readonly Action<string>? _refusal;
    private readonly CancellationTokenSource _stopped = new();
    private readonly Channel<RtmpPublisher> _publishers = Channel.CreateBounded<RtmpPublisher>(1);
    private readonly Lock _telling = new();
    private (string Text, long At) _told = ("", 0);
    private RtmpPublisher? _publishing;
    private long _refused;

    /// <summary>Opens the port, or joins others there.</summary>
    /// <param name="address">An address with <c>?listen=1</c>.</param>
    /// <param name="patience">How long a publisher may be silent before it counts as gone; default 10 s.</param>
    /// <param name="refused">Told who was sent away and why, from any thread; null for nobody.</param>
    /// <exception cref="MediaException">
    /// The port cannot be opened, or another input of the process listens there for the same application and key.
    /// </exception>
    public RtmpListener(MediaAddress address, TimeSpan? patience = null, Action<string>? refused = null)
    {
        (Address, Shown) = (RtmpAddress.Parse(address), address.Shown);
        _patience = patience ?? TimeSpan.FromSeconds(10);
        _refusal = refused;
        try
        {
            _port = RtmpPort.Join(this);
        }
        catch (SocketException error)
        {
            throw new MediaException(
                $"'{Shown}' cannot be listened to: {error.Message}; is the port in use, or the address not this machine's?", error);
        }
    }

    /// <summary>What a publisher must name.</summary>
    public RtmpAddress Address { get; }

    /// <summary>The address without secrets.</summary>
    public string Shown { get; }

    /// <summary>The TCP port, also when any free one was asked for.</summary>
    public int Port => _port.Number;

    /// <summary>
    /// Peers sent away so far: wrong application or key, no RTMP, too slow, all at the port together, or a second publisher.
    /// </summary>
    public long Refused => Interlocked.Read(ref _refused) + _port.Refused;

    /// <summary>Waits for the next publisher, which the caller disposes.</summary>
    public RtmpPublisher Accept(CancellationToken ct) => _publishers.Reader.ReadAsync(ct).AsTask().GetAwaiter().GetResult();

    public void Dispose()
    {
        if (_stopped.IsCancellationRequested)
        {
            return;
        }

        _port.Leave(this);
        _stopped.Cancel();
        while (_publishers.Reader.TryRead(out var publisher))
        {
            publisher.Dispose();
        }
    }

    /// <summary>Receives a publisher to its end.</summary>
    /// <param name="publishing">It has named this input's application and key, and was not answered yet.</param>
    /// <param name="guest">Its place among those who have shown nothing.</param>
    /// <param name="peer">Where it comes from, for messages.</param>
    /// <param name="hurry">Breaks off what comes before the stream.</param>
    public async Task Serve(RtmpPublishing publishing, UnprovenPeers.Guest guest, EndPoint? peer, CancellationToken hurry)
    {
        using var publisher = new RtmpPublisher();
        using var opening = CancellationTokenSource.CreateLinkedTokenSource(hurry, _stopped.Token);
        try
        {
            if (!await Begin(publisher, opening.Token).ConfigureAwait(false))
            {
                await publishing.RefuseAsync("another publisher is there", opening.Token).ConfigureAwait(false);
                throw new RtmpException("another publisher is there");
            }
        }
        catch (Exception error)
        {
            _ = Interlocked.Increment(ref _refused);
            if (error is RtmpException)
            {
                Tell(peer, error.Message);
            }

            throw;
        }

        guest.Proven();
        try
        {
            await publishing.AcceptAsync(opening.Token).ConfigureAwait(false);
            await _publishers.Writer.WriteAsync(publisher, opening.Token).ConfigureAwait(false);
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

    /// <summary>Says that a publisher was sent away, each for a while once.</summary>
    public void Tell(EndPoint? peer, string why)
    {
        var text = $"a publisher from {(peer as IPEndPoint)?.Address} was sent away: {why}";
        lock (_telling)
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
            if (!Address.Overrides)
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
