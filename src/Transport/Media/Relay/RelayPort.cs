using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Rtmp;
using StreamDiff.Transport.Media.Srt;
using StreamDiff.Transport.Peers;

namespace StreamDiff.Transport.Media.Relay;

/// <summary>
/// Where publishers come to streams that run elsewhere: it listens at the streams' public addresses (RTMP, SRT) and passes what comes on,
/// packet by packet and undecoded, to whoever asks for <c>relay://HOST:PORT/NAME?token=TOKEN</c>; and where viewers come to what such
/// streams make (SRT). Publishers and viewers notice nothing when the stream moves. What is relayed is as secret as the network between the
/// two: tokens are sent in the clear.
/// </summary>
public sealed class RelayPort : IDisposable
{
    /// <summary>First word of the line "GREETING TOKEN NAME" of whoever is sent what a publisher sends.</summary>
    internal const string ReaderGreeting = "SDRELAY1";

    /// <summary>The same of whoever sends what viewers are to be sent.</summary>
    internal const string SenderGreeting = "SDRELAYOUT1";

    /// <summary>Answer to a reader: FLV follows.</summary>
    internal const string Flv = "flv";

    /// <summary>Answer to a reader, or to a sender: an MPEG transport stream follows.</summary>
    internal const string TransportStream = "ts";

    private const int MostGuests = 256;
    private const int LongestLine = 512;
    private static readonly TimeSpan LineWithin = TimeSpan.FromSeconds(5);
    internal static readonly TimeSpan TakenWithin = TimeSpan.FromSeconds(10);
    // A reader that is told that nobody is here asks again, here or elsewhere.
    private static readonly TimeSpan PublisherWithin = TimeSpan.FromMilliseconds(250);

    private readonly TcpListener _listener;
    private readonly string _token;
    private readonly CancellationTokenSource _stopped = new();
    private readonly UnprovenPeers _guests = new(MostGuests);
    private readonly ConcurrentDictionary<string, Ingest> _ingests = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, RelayOutput> _outputs = new(StringComparer.Ordinal);
    private readonly Task _accepting;

    /// <param name="endPoint">Where readers come; port 0 takes a free one.</param>
    /// <param name="token">What they must name.</param>
    /// <exception cref="MediaException">It cannot be listened at.</exception>
    public RelayPort(IPEndPoint endPoint, string token)
    {
        ArgumentNullException.ThrowIfNull(endPoint);
        _token = token;
        _listener = new TcpListener(endPoint);
        try
        {
            _listener.Start();
        }
        catch (SocketException e)
        {
            throw new MediaException($"relay {endPoint} cannot be listened at: {e.Message}", e);
        }

        _accepting = Task.Run(() => AcceptLoop.RunAsync(_listener, _guests, Serve, _stopped.Token));
    }

    /// <summary>Where readers come.</summary>
    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndpoint;

    /// <summary>Streams that are listened for.</summary>
    public IReadOnlyCollection<string> Names => [.. _ingests.Keys];

    /// <summary>True for addresses that publishers come to, and that are listened at here for streams elsewhere.</summary>
    public static bool Takes(MediaAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Kind == MediaKind.RtmpListen || (address.Kind == MediaKind.Srt && address.IsListener);
    }

    /// <summary>True for outputs that viewers come to.</summary>
    public static bool TakesOutput(MediaAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        return address.Kind == MediaKind.Srt && address.IsListener;
    }

    /// <summary>Begins to listen for a viewer of what a stream makes; one at a time, as elsewhere.</summary>
    /// <param name="name">The output's name for whoever sends it.</param>
    /// <param name="address">Its public address, see <see cref="TakesOutput"/>.</param>
    /// <param name="tell">Told what went wrong with a viewer, from any thread.</param>
    /// <exception cref="MediaException">It cannot be listened at.</exception>
    public void AddOutput(string name, MediaAddress address, Action<string> tell)
    {
        var output = new RelayOutput(address, tell);
        if (!_outputs.TryAdd(name, output))
        {
            output.Dispose();
            throw new MediaException($"{name} is listened for already");
        }

        output.Begin();
    }

    /// <summary>Begins to listen for a stream's publisher.</summary>
    /// <param name="name">Its name for readers.</param>
    /// <param name="address">Its public address, see <see cref="Takes"/>.</param>
    /// <param name="tell">Told who was sent away and why, from any thread.</param>
    /// <exception cref="MediaException">It cannot be listened at.</exception>
    public void Add(string name, MediaAddress address, Action<string> tell)
    {
        var ingest = new Ingest(address, tell);
        if (!_ingests.TryAdd(name, ingest))
        {
            ingest.Dispose();
            throw new MediaException($"{name} is listened for already");
        }

        ingest.Begin();
    }

    /// <summary>Listens for it no more; its publisher, or its viewer, is sent away.</summary>
    public void Remove(string name)
    {
        if (_outputs.TryRemove(name, out var output))
        {
            output.Dispose();
        }

        if (_ingests.TryRemove(name, out var ingest))
        {
            ingest.Dispose();
        }
    }

    /// <summary>True while a publisher of the stream is here.</summary>
    public bool HasPublisher(string name) => _ingests.TryGetValue(name, out var ingest) && ingest.Feed is not null;

    public void Dispose()
    {
        _stopped.Cancel();
        _listener.Dispose();
        _accepting.GetAwaiter().GetResult();
        foreach (var name in _ingests.Keys.Concat(_outputs.Keys))
        {
            Remove(name);
        }
    }

    private async Task Serve(Socket socket, UnprovenPeers.Guest guest)
    {
        try
        {
            using (socket)
            using (guest)
            {
                socket.NoDelay = true;
                using var hurry = CancellationTokenSource.CreateLinkedTokenSource(_stopped.Token);
                hurry.CancelAfter(LineWithin);
                if (await ReadLine(socket, hurry.Token).ConfigureAwait(false) is not [var greeting, var token, var name]
                    || greeting is not (ReaderGreeting or SenderGreeting) || !IsToken(token))
                {
                    return;
                }

                guest.Proven();
                if (greeting == SenderGreeting)
                {
                    await Take(socket, name).ConfigureAwait(false);
                    return;
                }

                if (await FeedOf(name).ConfigureAwait(false) is not var (kind, feed))
                {
                    _ = await socket.SendAsync("none\n"u8.ToArray()).ConfigureAwait(false);
                    return;
                }

                await Send(socket, kind, feed).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException or IOException)
        {
            // The reader left.
        }
    }

    private async Task<(string Kind, RelayFeed Feed)?> FeedOf(string name)
    {
        for (var waited = TimeSpan.Zero; waited < PublisherWithin; waited += Ingest.Again)
        {
            if (_ingests.TryGetValue(name, out var ingest) && ingest.Feed is { } feed)
            {
                return (ingest.Kind, feed);
            }

            await Task.Delay(Ingest.Again, _stopped.Token).ConfigureAwait(false);
        }

        return null;
    }

    private async Task Send(Socket socket, string kind, RelayFeed feed)
    {
        _ = await socket.SendAsync(Encoding.ASCII.GetBytes(kind + "\n"), _stopped.Token).ConfigureAwait(false);
        var pieces = feed.Join();
        try
        {
            await pieces.SendTo(socket, _stopped.Token).ConfigureAwait(false);
        }
        finally
        {
            feed.Leave(pieces);
        }
    }

    private async Task Take(Socket socket, string name)
    {
        if (!_outputs.TryGetValue(name, out var output))
        {
            _ = await socket.SendAsync("none\n"u8.ToArray(), _stopped.Token).ConfigureAwait(false);
            return;
        }

        _ = await socket.SendAsync(Encoding.ASCII.GetBytes(TransportStream + "\n"), _stopped.Token).ConfigureAwait(false);
        await Task.Factory.StartNew(
            () => output.Take(new SocketSource(socket), _stopped.Token), CancellationToken.None, TaskCreationOptions.LongRunning,
            TaskScheduler.Default).ConfigureAwait(false);
    }

    private bool IsToken(string given) => CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(given)), SHA256.HashData(Encoding.UTF8.GetBytes(_token)));

    private static async Task<string[]> ReadLine(Socket socket, CancellationToken ct)
    {
        var line = new byte[LongestLine];
        var length = 0;
        while (length < line.Length && (length == 0 || line[length - 1] != '\n'))
        {
            var read = await socket.ReceiveAsync(line.AsMemory(length), ct).ConfigureAwait(false);
            if (read == 0)
            {
                return [];
            }

            length += read;
        }

        return Encoding.UTF8.GetString(line, 0, length).TrimEnd('\n').Split(' ');
    }

    /// <summary>One stream's public address.</summary>
    private sealed class Ingest : IDisposable
    {
        public static readonly TimeSpan Again = TimeSpan.FromMilliseconds(25);

        private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(1);

        private readonly CancellationTokenSource _stop = new();
        private readonly Action<string> _tell;
        private readonly RtmpListener? _rtmp;
        private readonly SrtListener? _srt;

        public Ingest(MediaAddress address, Action<string> tell)
        {
            _tell = tell;
            Kind = address.Kind == MediaKind.RtmpListen ? Flv : TransportStream;
            if (address.Kind == MediaKind.RtmpListen)
            {
                _rtmp = new RtmpListener(address, null, tell);
            }
            else
            {
                FFmpeg.FFmpegLibrary.Initialize();
                _srt = new SrtListener(SrtAddress.Parse(address), isForSenders: true);
            }
        }

        public string Kind { get; }

        /// <summary>What the publisher sends; null while none is here.</summary>
        public RelayFeed? Feed { get; private set; }

        public void Begin() => _ = Task.Factory.StartNew(
            Run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        public void Dispose()
        {
            _stop.Cancel();
            _rtmp?.Dispose();
            _srt?.Dispose();
        }

        private void Run()
        {
            while (!_stop.IsCancellationRequested)
            {
                try
                {
                    using FFmpeg.IByteSource publisher = _rtmp is not null ? _rtmp.Accept(_stop.Token) : _srt!.Accept(_stop.Token);
                    var feed = new RelayFeed(_rtmp is not null ? new FlvFeed() : new TransportStreamFeed());
                    Feed = feed;
                    feed.Pump(publisher, _stop.Token);
                }
                catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException
                    or System.Threading.Channels.ChannelClosedException or MediaException or IOException)
                {
                    // The publisher is gone, or the stream.
                }
                catch (Exception e)
                {
                    // What one publisher sends must not keep the next one out.
                    _tell($"its publisher cannot be relayed: {(e is InvalidDataException ? "" : e.GetType().Name + ": ")}{e.Message}");
                    _ = _stop.Token.WaitHandle.WaitOne(AfterTrouble);
                }
                finally
                {
                    Feed = null;
                }
            }
        }
    }
}
