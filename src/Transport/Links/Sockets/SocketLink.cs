using System.Diagnostics;
using System.Net.Sockets;
using System.Threading.Channels;

namespace StreamDiff.Transport.Links.Sockets;

/// <summary>
/// A link over a stream of bytes whose ends have shaken hands. One task writes, one reads; neither touches a rank's thread.
/// </summary>
public sealed class SocketLink : ILink
{
    private static readonly LinkHeader PingHeader = new() { Kind = LinkKind.Ping };

    private readonly Stream _stream;
    private readonly LinkOptions _options;
    private readonly FrameCodec _codec;
    private readonly Channel<LinkMessage> _outgoing;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private LinkInbox? _inbox;
    private string? _reason;
    private long _heard = Stopwatch.GetTimestamp();
    private long _peerBusy;
    private long _messagesSent;
    private long _bytesSent;
    private long _messagesReceived;
    private long _bytesReceived;

    /// <param name="stream">Connected and authenticated; the link takes it over.</param>
    /// <param name="peer">Who is at the other end.</param>
    /// <param name="options">Limits.</param>
    public SocketLink(Stream stream, string peer, LinkOptions options)
    {
        (_stream, _options, Peer) = (stream, options, peer);
        _codec = new FrameCodec(stream, options) { Heard = () => Interlocked.Exchange(ref _heard, Stopwatch.GetTimestamp()) };
        _outgoing = Channel.CreateBounded<LinkMessage>(new BoundedChannelOptions(options.MaxOutstanding) { SingleReader = true });
    }

    public string Peer { get; }

    public string Carrier { get; init; } = "socket";

    public TimeSpan Silence => Stopwatch.GetElapsedTime(Interlocked.Read(ref _heard));

    public TimeSpan PeerBusy => TimeSpan.FromMilliseconds(Interlocked.Read(ref _peerBusy));

    public LinkStatistics Statistics => new(
        Interlocked.Read(ref _messagesSent), Interlocked.Read(ref _bytesSent), Interlocked.Read(ref _messagesReceived),
        Interlocked.Read(ref _bytesReceived));

    public void Open(LinkInbox inbox)
    {
        _inbox = inbox;
        Interlocked.Exchange(ref _heard, Stopwatch.GetTimestamp());
        _ = Task.Run(WriteAll);
        _ = Task.Run(() => ReadAll(inbox));
    }

    public void Send(LinkMessage message)
    {
        if (_outgoing.Writer.TryWrite(message))
            return;
        try
        {
            _outgoing.Writer.WriteAsync(message, _stop.Token).AsTask().GetAwaiter().GetResult();
        }
        catch (Exception e) when (e is ChannelClosedException or OperationCanceledException or ObjectDisposedException)
        {
            message.Dispose();
            throw new LinkException($"the link to {Peer} is closed: {_reason ?? "ended"}", e);
        }
    }

    public void Ping() => _outgoing.Writer.TryWrite(new LinkMessage(PingHeader));

    public void Dispose() => Close("closed here", tell: false);

    private async Task WriteAll()
    {
        using var deadline = new CancellationTokenSource();
        using var both = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, _stop.Token);
        try
        {
            while (await _outgoing.Reader.WaitToReadAsync(_stop.Token).ConfigureAwait(false))
            {
                while (_outgoing.Reader.TryRead(out var message))
                {
                    using (message)
                    {
                        deadline.CancelAfter(_options.SendTimeout);
                        await _codec.WriteAsync(message, both.Token).ConfigureAwait(false);
                        deadline.CancelAfter(Timeout.InfiniteTimeSpan);
                        Interlocked.Increment(ref _messagesSent);
                        Interlocked.Add(ref _bytesSent, message.Payloads.Sum(p => p.Bytes));
                    }
                }
            }
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            Close(deadline.IsCancellationRequested
                ? $"it took no data for {_options.SendTimeout.TotalSeconds:0.#} s"
                : "the connection broke", tell: true);
        }
        catch (Exception e)
        {
            // An array did not come off its device, or there was no memory for its copy.
            Close(e.Message, tell: true);
        }
    }

    private async Task ReadAll(LinkInbox inbox)
    {
        var reason = "the peer ended the connection";
        try
        {
            while (await _codec.ReadAsync(_stop.Token).ConfigureAwait(false) is { } message)
            {
                Interlocked.Increment(ref _messagesReceived);
                Interlocked.Add(ref _bytesReceived, message.Payloads.Sum(p => p.Bytes));
                if (!await Deliver(message, inbox).ConfigureAwait(false))
                    break;
            }
        }
        catch (LinkException e)
        {
            reason = e.Message;
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException)
        {
            reason = "the connection broke";
        }
        catch (Exception e)
        {
            // No memory for what it announces, for one. The link ends; the rank does not.
            reason = $"what it sent cannot be taken: {e.Message.Split('\n')[0]}";
        }
        Close(reason, tell: true);
    }

    private async ValueTask<bool> Deliver(LinkMessage message, LinkInbox inbox)
    {
        switch (message.Header.Kind)
        {
            case LinkKind.Ping:
                message.Dispose();
                _outgoing.Writer.TryWrite(
                    new LinkMessage(new LinkHeader { Kind = LinkKind.Pong, Tick = (long)inbox.Busy.TotalMilliseconds }));
                return true;
            case LinkKind.Pong:
                Interlocked.Exchange(ref _peerBusy, Math.Clamp(message.Header.Tick, 0, int.MaxValue));
                message.Dispose();
                return true;
            default:
                return await inbox.PutAsync(new LinkEvent(this, message, null), _stop.Token).ConfigureAwait(false);
        }
    }

    private void Close(string reason, bool tell)
    {
        lock (_gate)
        {
            if (_reason is not null)
                return;
            _reason = reason;
        }
        _outgoing.Writer.TryComplete();
        _stop.Cancel();
        _stream.Dispose();
        while (_outgoing.Reader.TryRead(out var unsent))
            unsent.Dispose();
        if (tell && _inbox is { } inbox)
            _ = inbox.PutAsync(new LinkEvent(this, null, reason)).AsTask();
    }
}
