using System.Collections.Concurrent;

namespace StreamDiff.Transport.Links.Nccl;

/// <summary>
/// A link whose arrays go from device to device while its headers, and arrays in host memory, go over another link. A header says which
/// arrays follow on the lane, and both are in order, so a message is whole when the header is here and the lane has delivered. One thread
/// sends, one receives; a rank's thread does neither.
/// </summary>
public sealed class DeviceLink : ILink
{
    private readonly ILink _headers;
    private readonly IDeviceLane _lane;
    private readonly IDeviceAllocator _allocator;
    private readonly BlockingCollection<LinkMessage> _outgoing;
    private readonly LinkInbox _arrived = new();
    private readonly Thread _sender;
    private readonly Thread _receiver;
    private LinkInbox? _inbox;
    private string? _reason;
    private long _bytesSent;
    private long _bytesReceived;

    /// <param name="headers">Not opened yet; taken over.</param>
    /// <param name="lane">Taken over.</param>
    /// <param name="allocator">Makes what arrives.</param>
    /// <param name="maxOutstanding">Messages that may wait to be sent. Default 8.</param>
    public DeviceLink(ILink headers, IDeviceLane lane, IDeviceAllocator allocator, int maxOutstanding = 8)
    {
        (_headers, _lane, _allocator) = (headers, lane, allocator);
        _outgoing = new BlockingCollection<LinkMessage>(maxOutstanding);
        _sender = new Thread(SendAll) { Name = "streamdiff link out", IsBackground = true };
        _receiver = new Thread(ReceiveAll) { Name = "streamdiff link in", IsBackground = true };
    }

    public string Peer => _headers.Peer;

    public string Carrier => "NCCL";

    public TimeSpan Silence => _headers.Silence;

    public TimeSpan PeerBusy => _headers.PeerBusy;

    public LinkStatistics Statistics =>
        _headers.Statistics with
        {
            BytesSent = _headers.Statistics.BytesSent + Interlocked.Read(ref _bytesSent),
            BytesReceived = _headers.Statistics.BytesReceived + Interlocked.Read(ref _bytesReceived),
        };

    public void Open(LinkInbox inbox)
    {
        _inbox = inbox;
        _headers.Open(_arrived);
        _sender.Start();
        _receiver.Start();
    }

    public void Send(LinkMessage message)
    {
        try
        {
            _outgoing.Add(message);
        }
        catch (InvalidOperationException e)
        {
            message.Dispose();
            throw new LinkException($"the link to {Peer} is closed: {_reason ?? "ended"}", e);
        }
    }

    public void Ping() => _headers.Ping();

    public void Dispose() => Close("closed here", tell: false);

    private void SendAll()
    {
        try
        {
            foreach (var message in _outgoing.GetConsumingEnumerable())
            {
                using (message)
                    SendOne(message);
            }
        }
        catch (LinkException e)
        {
            Close(e.Message, tell: true);
        }
        while (_outgoing.TryTake(out var unsent))
            unsent.Dispose();
    }

    private void SendOne(LinkMessage message)
    {
        if (message.Payloads.Count == 0 || !message.Payloads.All(p => p is IDeviceArray { DeviceAddress: not 0 }))
        {
            // The other link disposes what it is given; these payloads are disposed here.
            _headers.Send(new LinkMessage(message.Header, [.. message.Payloads.Select(CopyToHost)]));
            return;
        }
        _headers.Send(new LinkMessage(
            message.Header with { DeviceArrays = [.. message.Payloads.Select(p => new DeviceArraySpec(p.Type, p.Shape))] }));
        _lane.Send(message.Payloads);
        Interlocked.Add(ref _bytesSent, message.Payloads.Sum(p => p.Bytes));
    }

    private static HostPayload CopyToHost(LinkPayload payload)
    {
        var copy = new HostPayload(payload.Type, payload.Shape);
        payload.Host().CopyTo(copy.Memory);
        return copy;
    }

    private void ReceiveAll()
    {
        var reason = "the peer ended the connection";
        try
        {
            while (_arrived.Take(Timeout.InfiniteTimeSpan, out var item))
            {
                if (item.Message is not { } message)
                {
                    reason = item.Reason ?? reason;
                    break;
                }
                if (message.Header.DeviceArrays.Count > 0)
                    message = FromLane(message);
                if (!_inbox!.Put(new LinkEvent(this, message, null)))
                    break;
            }
        }
        catch (LinkException e)
        {
            reason = e.Message;
        }
        Close(reason, tell: true);
    }

    private LinkMessage FromLane(LinkMessage message)
    {
        using var _ = message;
        var arrays = message.Header.DeviceArrays.Select(s => _allocator.Allocate(s.Type, s.Shape)).ToList();
        try
        {
            _lane.Receive(arrays);
        }
        catch
        {
            arrays.ForEach(a => a.Dispose());
            throw;
        }
        Interlocked.Add(ref _bytesReceived, arrays.Sum(a => a.Bytes));
        return new LinkMessage(message.Header with { DeviceArrays = [] }, arrays);
    }

    private void Close(string reason, bool tell)
    {
        if (Interlocked.CompareExchange(ref _reason, reason, null) is not null)
            return;
        _outgoing.CompleteAdding();
        _headers.Dispose();
        _arrived.Dispose();
        // Ends a transfer whose peer is gone.
        _lane.Dispose();
        if (tell && _inbox is { } inbox)
            inbox.TryPut(new LinkEvent(this, null, reason));
    }
}
