using System.Collections.Concurrent;
using System.Net;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>Ranks that talk over loopback sockets only, as processes would; each can be ended by itself.</summary>
internal sealed class SocketRing : IDisposable
{
    private static readonly LinkIdentity Identity = new("toy", "6 blocks", "random:3", "Float32");
    private static readonly LinkOptions Options = new()
    {
        Secret = [.. Enumerable.Repeat((byte)7, 32)],
        HandshakeTimeout = TimeSpan.FromSeconds(15),
    };
    private readonly List<Rank> _ranks = [];
    private bool _isReleased;

    public SocketRing(int ranks, TimeSpan? deadline = null, bool isFormed = true)
    {
        for (var i = 0; i < ranks; i++)
            _ranks.Add(new Rank(new IPEndPoint(IPAddress.Loopback, 0)));
        Ring = Driver(Addresses, Log, deadline);
        if (isFormed)
            Ring.Form();
    }

    /// <summary>Another driver of such ranks; its ring is not formed yet.</summary>
    public static RankRing Driver(IReadOnlyList<string> addresses, ConcurrentQueue<string> log, TimeSpan? deadline = null) => new(
        new RankRingOptions { Blocks = ToyRing.Config.Blocks, Deadline = deadline ?? TimeSpan.FromSeconds(10) }, addresses,
        new RankConnector(new LocalRanks(), Options, Identity))
    {
        Log = log.Enqueue,
    };

    public RankRing Ring { get; }

    public IReadOnlyList<string> Addresses => [.. _ranks.Select(r => r.Endpoint.ToString())];

    public ConcurrentQueue<string> Log { get; } = new();

    /// <summary>Ends a rank at once, as a crash would: its links break without a word.</summary>
    public void Kill(int rank) => _ranks[rank].Dispose();

    /// <summary>Starts a rank again where it was.</summary>
    public void Restart(int rank, RankModel? model = null) => _ranks[rank] = new Rank(_ranks[rank].Endpoint, model);

    /// <summary>A link to a rank, of somebody who knows the secret.</summary>
    public ILink Call(int rank, LinkInbox inbox) =>
        new RankConnector(new LocalRanks(), Options, Identity).Connect(Addresses[rank], inbox, "somebody");

    /// <summary>The thread of a rank.</summary>
    public RankWorker Worker(int rank) => _ranks[rank].Worker;

    /// <summary>The driver ends; the ranks stay.</summary>
    public void Release()
    {
        if (!_isReleased)
            Ring.Dispose();
        _isReleased = true;
    }

    /// <summary>Makes a rank hang: its thread works on nothing until it is released.</summary>
    public ManualResetEventSlim Hang(int rank) => _ranks[rank].Hang();

    public void Dispose()
    {
        Release();
        foreach (var rank in _ranks)
            rank.Dispose();
    }

    private sealed class Rank : IDisposable
    {
        private readonly LinkInbox _inbox = new();
        private readonly List<ILink> _links = [];
        private readonly SocketListener _listener;
        private readonly Thread _thread;
        private bool _disposed;

        public Rank(IPEndPoint endpoint, RankModel? model = null)
        {
            _listener = new SocketListener(endpoint, Options, Identity, Accept, _ => { });
            Endpoint = _listener.Endpoint;
            Worker = new RankWorker(
                model ?? ToyRing.Model, _inbox, new RankConnector(new LocalRanks(), Options, Identity), Endpoint.ToString());
            _thread = new Thread(() => Worker.Run(threads: 1)) { IsBackground = true };
            _thread.Start();
        }

        public IPEndPoint Endpoint { get; }

        public RankWorker Worker { get; }

        public ManualResetEventSlim Hang()
        {
            var release = new ManualResetEventSlim();
            Worker.BeforeTick = _ => release.Wait();
            return release;
        }

        public void Dispose()
        {
            if (_disposed)
                return;
            _disposed = true;
            _listener.Dispose();
            lock (_links)
                _links.ForEach(l => l.Dispose());
            Worker.Dispose();
            _thread.Join();
        }

        private void Accept(ILink link)
        {
            lock (_links)
                _links.Add(link);
            link.Open(_inbox);
        }
    }
}
