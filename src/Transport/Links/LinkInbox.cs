using System.Diagnostics;
using System.Threading.Channels;

namespace StreamDiff.Transport.Links;

/// <summary>Something that happened on a link: a message, which belongs to whoever takes the event, or its end.</summary>
/// <param name="Link">Where.</param>
/// <param name="Message">The message; null when the link has ended.</param>
/// <param name="Reason">Why it ended.</param>
public readonly record struct LinkEvent(ILink Link, LinkMessage? Message, string? Reason);

/// <summary>
/// Where the messages of all links of one rank wait, in the order of their arrival. Full, it makes the links wait, and so the senders.
/// </summary>
/// <param name="capacity">Most events that wait. Default 64.</param>
public sealed class LinkInbox(int capacity = 64) : IDisposable
{
    private readonly Channel<LinkEvent> _events = Channel.CreateBounded<LinkEvent>(
        new BoundedChannelOptions(capacity) { SingleReader = true });
    private Task<bool>? _waiting;
    private long _busySince;

    /// <summary>
    /// Timestamp (<see cref="Stopwatch"/>) since when the reader works on one event; 0 while it waits. Set by the reader; links tell their
    /// peers.
    /// </summary>
    public long BusySince
    {
        get => Interlocked.Read(ref _busySince);
        set => Interlocked.Exchange(ref _busySince, value);
    }

    /// <summary>Called after each event that comes in, on the link's thread; must not wait. Default nothing.</summary>
    public Action? Arrived { get; set; }

    /// <summary>How long the reader has worked on one event.</summary>
    public TimeSpan Busy => BusySince is > 0 and var since ? Stopwatch.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Puts an event in; false, and the message disposed, when nobody reads any more.</summary>
    public async ValueTask<bool> PutAsync(LinkEvent item, CancellationToken cancellation = default)
    {
        try
        {
            await _events.Writer.WriteAsync(item, cancellation).ConfigureAwait(false);
            Arrived?.Invoke();
            return true;
        }
        catch (Exception e) when (e is ChannelClosedException or OperationCanceledException)
        {
            item.Message?.Dispose();
            return false;
        }
    }

    /// <summary>As <see cref="PutAsync"/>, on a thread that may wait.</summary>
    public bool Put(LinkEvent item) => TryPut(item) || PutAsync(item).AsTask().GetAwaiter().GetResult();

    /// <summary>Puts an event in unless there is no room.</summary>
    public bool TryPut(LinkEvent item)
    {
        if (!_events.Writer.TryWrite(item))
            return false;
        Arrived?.Invoke();
        return true;
    }

    /// <summary>The next event; false when none came in time, or the inbox has been closed.</summary>
    /// <param name="timeout">Longest wait; infinite with <see cref="Timeout.InfiniteTimeSpan"/>.</param>
    /// <param name="item">The event.</param>
    public bool Take(TimeSpan timeout, out LinkEvent item)
    {
        var start = Stopwatch.GetTimestamp();
        while (!_events.Reader.TryRead(out item))
        {
            _waiting ??= _events.Reader.WaitToReadAsync().AsTask();
            var left = timeout == Timeout.InfiniteTimeSpan ? timeout : timeout - Stopwatch.GetElapsedTime(start);
            if (left < TimeSpan.Zero && left != Timeout.InfiniteTimeSpan)
                left = TimeSpan.Zero;
            if (!_waiting.Wait(left) || !_waiting.Result)
                return false;
            _waiting = null;
        }
        return true;
    }

    /// <summary>Closes the inbox: what waits is disposed, what comes later too.</summary>
    public void Dispose()
    {
        _events.Writer.TryComplete();
        while (_events.Reader.TryRead(out var item))
            item.Message?.Dispose();
    }
}
