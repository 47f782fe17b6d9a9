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

    public SocketRing(int ranks, TimeSpan? deadline = null)
    {
        for (var i = 0; i < ranks; i++)
            _ranks.Add(new Rank(new IPEndPoint(IPAddress.Loopback, 0)));
        var options = new RankRingOptions { Blocks = ToyRing.Config.Blocks, Deadline = deadline ?? TimeSpan.FromSeconds(10) };
        Ring = new RankRing(options, [.. _ranks.Select(r => r.Endpoint.ToString())],
            new RankConnector(new LocalRanks(), Options, Identity))
        {
            Log = Log.Enqueue,
        };
        Ring.Form();
    }

    public RankRing Ring { get; }

    public System.Collections.Concurrent.ConcurrentQueue<string> Log { get; } = new();

    /// <summary>Ends a rank at once, as a crash would: its links break without a word.</summary>
    public void Kill(int rank) => _ranks[rank].Dispose();

    /// <summary>Starts a rank again where it was.</summary>
    public void Restart(int rank) => _ranks[rank] = new Rank(_ranks[rank].Endpoint);

    /// <summary>Makes a rank hang: its thread works on nothing until it is released.</summary>
    public ManualResetEventSlim Hang(int rank) => _ranks[rank].Hang();

    public void Dispose()
    {
        Ring.Dispose();
        foreach (var rank in _ranks)
            rank.Dispose();
    }

    private sealed class Rank : IDisposable
    {
        private readonly LinkInbox _inbox = new();
        private readonly List<ILink> _links = [];
        private readonly SocketListener _listener;
        private readonly RankWorker _worker;
        private readonly Thread _thread;
        private bool _disposed;

        public Rank(IPEndPoint endpoint)
        {
            _listener = new SocketListener(endpoint, Options, Identity, Accept, _ => { });
            Endpoint = _listener.Endpoint;
            _worker = new RankWorker(ToyRing.Model, _inbox, new RankConnector(new LocalRanks(), Options, Identity), Endpoint.ToString());
            _thread = new Thread(() => _worker.Run(threads: 1)) { IsBackground = true };
            _thread.Start();
        }

        public IPEndPoint Endpoint { get; }

        public ManualResetEventSlim Hang()
        {
            var release = new ManualResetEventSlim();
            _worker.BeforeTick = () => release.Wait();
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
            _worker.Dispose();
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
