using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Transport.Media.Rtmp;

namespace StreamDiff.Fleet.Tests.Support;

/// <summary>
/// Takes whatever is published to it, also a second publisher of one stream, and remembers when each picture came by which connection: so
/// that it is seen who wrote when.
/// </summary>
internal sealed class RtmpRecorder : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<string, ConcurrentQueue<Picture>> _streams = new();
    private int _connections;

    public RtmpRecorder()
    {
        _listener.Start();
        _ = Task.Run(Accept);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Pictures of a stream, in the order of their arrival.</summary>
    public Picture[] Of(string key) => _streams.TryGetValue(key, out var all) ? [.. all] : [];

    /// <summary>Connections that have written at the same time, a line each.</summary>
    public IReadOnlyList<string> Overlaps()
    {
        var found = new List<string>();
        foreach (var (key, pictures) in _streams)
        {
            var spans = pictures.GroupBy(p => p.Connection)
                .Select(g => (Connection: g.Key, First: g.Min(p => p.At), Last: g.Max(p => p.At))).OrderBy(s => s.First).ToList();
            for (var i = 1; i < spans.Count; i++)
                if (spans[i].First < spans[i - 1].Last)
                    found.Add($"{key}: connection {spans[i].Connection} began {spans[i - 1].Last - spans[i].First} before connection "
                        + $"{spans[i - 1].Connection} ended");
        }
        return found;
    }

    /// <summary>Now, in the recorder's time.</summary>
    public static TimeSpan Now => Stopwatch.GetElapsedTime(0);

    public void Dispose()
    {
        _stop.Cancel();
        _listener.Dispose();
    }

    private async Task Accept()
    {
        while (!_stop.IsCancellationRequested)
            try
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                _ = Task.Run(() => Receive(client));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
    }

    private async Task Receive(TcpClient client)
    {
        using var own = client;
        var number = Interlocked.Increment(ref _connections);
        try
        {
            using var publishing = new RtmpPublishing(client.GetStream(), (_, _) => true);
            await publishing.NegotiateAsync(_stop.Token);
            await publishing.AcceptAsync(_stop.Token);
            var pictures = _streams.GetOrAdd(publishing.Key, _ => new ConcurrentQueue<Picture>());
            while (await publishing.NextAsync(_stop.Token) is { } message)
                if (message.Type == RtmpType.Video && message.Payload is [_, not 0, ..])
                    pictures.Enqueue(new Picture(Now, number, message.Timestamp));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or SocketException or RtmpException)
        {
            // The publisher is gone.
        }
    }

    /// <summary>A picture that came.</summary>
    /// <param name="At">When.</param>
    /// <param name="Connection">By which connection.</param>
    /// <param name="Timestamp">Its own time in milliseconds.</param>
    internal sealed record Picture(TimeSpan At, int Connection, uint Timestamp);
}
