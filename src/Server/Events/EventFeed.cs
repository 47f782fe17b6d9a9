using System.Collections.Immutable;
using System.Threading.Channels;
using StreamDiff.Client;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Server.Events;

/// <summary>
/// What happens in the studio, told to all who listen. Who is slow loses the oldest; nobody waits. All members may be used from any thread.
/// </summary>
/// <param name="time">The time.</param>
public sealed class EventFeed(TimeProvider time)
{
    private const int Kept = 1000;
    private const int MostWaiting = 512;

    private readonly Lock _gate = new();
    private readonly Queue<StudioEvent> _past = new();
    private ImmutableArray<Channel<StudioEvent>> _listeners = [];

    // A number comes once, also from the process after this one: receivers that know it pass it over. No process tells a thousand events in
    // each millisecond of its life. Below 2^53, which JSON's numbers hold exactly.
    private long _last = time.GetUtcNow().ToUnixTimeMilliseconds() * 1000;

    /// <summary>How many listen.</summary>
    public int Listeners => _listeners.Length;

    /// <summary>Something happened in a session or its host.</summary>
    public void Tell(LiveEvent news)
    {
        ArgumentNullException.ThrowIfNull(news);
        Tell(EventKinds.Of(news), news.Session, news.State == news.Text || news.State == "note" ? news.Text : $"{news.Part}: {news.Text}",
            news.IsTrouble);
    }

    /// <summary>Something happened.</summary>
    /// <param name="kind">See <see cref="StudioEvent.Kind"/>.</param>
    /// <param name="session">The session that it is about; null for none.</param>
    /// <param name="text">One line.</param>
    /// <param name="isTrouble">True for what somebody may want to mend.</param>
    public void Tell(string kind, string? session, string text, bool isTrouble = false)
    {
        lock (_gate)
        {
            var happened = new StudioEvent
            {
                Id = ++_last,
                Kind = kind,
                At = time.GetUtcNow(),
                IsTrouble = isTrouble,
                Session = session,
                Text = text,
            };
            _past.Enqueue(happened);
            if (_past.Count > Kept)
                _past.Dequeue();
            foreach (var listener in _listeners)
                listener.Writer.TryWrite(happened);
        }
    }

    /// <summary>Events as they happen, until what is given back is disposed.</summary>
    /// <param name="after">Those after this one too, as far as they are still known; null for new ones only.</param>
    public Listening Listen(long? after = null)
    {
        var channel = Channel.CreateBounded<StudioEvent>(new BoundedChannelOptions(MostWaiting + Kept)
        {
            FullMode = BoundedChannelFullMode.DropOldest,
            SingleReader = true,
        });
        lock (_gate)
        {
            if (after is { } id)
                foreach (var past in _past.Where(p => p.Id > id))
                    channel.Writer.TryWrite(past);
            _listeners = _listeners.Add(channel);
        }
        return new Listening(channel.Reader, () =>
        {
            lock (_gate)
                _listeners = _listeners.Remove(channel);
            channel.Writer.TryComplete();
        });
    }
}

/// <summary>Somebody who listens.</summary>
/// <param name="Events">What is told.</param>
/// <param name="End">Ends it.</param>
public sealed record Listening(ChannelReader<StudioEvent> Events, Action End) : IDisposable
{
    public void Dispose() => End();
}
