using System.Collections.Concurrent;
using System.Net;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Pipeline.Tests.Ranks;

/// <summary>A peer that has shaken hands and then sends what makes no sense: it loses its link, and the rank serves the next
/// driver.</summary>
public sealed class RankNonsenseTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly LinkIdentity Identity = new("toy", "6 blocks", "random:3", "Float32");
    private static readonly LinkOptions Options = new() { Secret = [.. Enumerable.Repeat((byte)7, 32)], HandshakeTimeout = Patience };

    private const string Pool =
        """{"Lanes":1,"FrameTokens":6,"WindowFrames":6,"SinkFrames":3,"SinkThreshold":0.2,"GridRows":2,"GridColumns":3,"Shift":5}""";

    [Theory]
    [InlineData(LinkKind.Assign, null)]
    [InlineData(LinkKind.Assign, "{}")]
    [InlineData(LinkKind.Assign, "[[[")]
    [InlineData(LinkKind.Assign, """{"Rank":0,"World":1,"Start":0,"End":2147483647}""")]
    [InlineData(LinkKind.Assign, """{"Rank":0,"World":1,"Start":-3,"End":2}""")]
    [InlineData(LinkKind.Assign, """{"Rank":0,"World":2,"Start":0,"End":2,"Next":"nowhere"}""")]
    [InlineData(LinkKind.Load, """{"Start":0,"End":2147483647}""")]
    [InlineData(LinkKind.Load, """{"Start":-2147483648,"End":2}""")]
    [InlineData(LinkKind.Invite, """{"Start":0,"End":2147483647}""")]
    [InlineData(LinkKind.Invite, """{"Start":0,"End":6}""")]
    [InlineData(LinkKind.Move, "{}")]
    [InlineData(LinkKind.Move, """{"Starts":[],"Blocks":6}""")]
    [InlineData(LinkKind.Move, """{"Starts":null,"Blocks":6}""")]
    [InlineData(LinkKind.Move, """{"Starts":[0],"Blocks":2147483647}""")]
    [InlineData(LinkKind.Move, """{"Starts":[3],"Blocks":6}""")]
    [InlineData(LinkKind.OpenPool, "{}")]
    [InlineData(LinkKind.OpenPool,
        """{"Lanes":1000,"FrameTokens":6,"WindowFrames":2000000000,"SinkFrames":3,"GridRows":2,"GridColumns":3,"Shift":5}""")]
    [InlineData(LinkKind.Lanes, """{"Lane":0}""")]
    [InlineData(LinkKind.Loras, """{"Strengths":[1]}""")]
    [InlineData(LinkKind.Prompt, null)]
    [InlineData(LinkKind.Tick, null)]
    [InlineData(LinkKind.BlockCache, """{"Block":7}""")]
    [InlineData(LinkKind.Ready, null)]
    [InlineData(LinkKind.Failed, "no")]
    [InlineData((LinkKind)200, "no")]
    public void AMessageWithoutSense_ClosesItsLinkOnly(LinkKind kind, string? detail) => Refuses(link =>
    {
        if (kind != LinkKind.Assign)
            Assign(link);
        Send(link, new LinkHeader { Kind = kind, Epoch = 1, Pool = 3, Detail = detail });
    });

    [Fact]
    public void APoolThatThereIsNoMemoryFor_IsRefusedInWords()
    {
        using var own = new LinkInbox();
        using var inbox = new LinkInbox();
        using var listener = new SocketListener(new IPEndPoint(IPAddress.Loopback, 0), Options, Identity, l => l.Open(inbox), _ => { });
        using var worker = new RankWorker(ToyRing.Model, inbox, new RankConnector(new LocalRanks(), Options, Identity), "the rank");
        var thread = new Thread(() => worker.Run(threads: 1)) { IsBackground = true };
        thread.Start();
        using var link = SocketCaller.Connect(listener.Endpoint.ToString(), Options, Identity, "a driver");
        link.Open(own);
        Assign(link);
        Send(link, new LinkHeader
        {
            Kind = LinkKind.OpenPool,
            Epoch = 1,
            Pool = 1,
            Detail = """{"Lanes":4000,"FrameTokens":6,"WindowFrames":1000000,"SinkFrames":3,"GridRows":2,"GridColumns":3,"Shift":5}""",
        });
        LinkEvent item;
        do
            Assert.True(own.Take(Patience, out item) && item.Message is not null);
        while (item.Message.Header.Kind != LinkKind.Failed);
        Assert.Contains("are free", item.Message.Header.Detail, StringComparison.Ordinal);
        inbox.Dispose();
        thread.Join();
    }

    [Theory]
    [InlineData(0, 99, 0, 1, 1)]
    [InlineData(-1, 0, 0, 1, 1)]
    [InlineData(0, 0, 5, 1, 1)]
    [InlineData(0, 0, 0, 1, 4000)]
    [InlineData(0, 0, 0, 4, 1)]
    public void ATickWithoutSense_ClosesItsLinkOnly(int lane, long position, int visit, int rows, int width) => Refuses(link =>
    {
        Assign(link);
        Send(link, new LinkHeader { Kind = LinkKind.OpenPool, Epoch = 1, Pool = 1, Detail = Pool });
        Send(link, new LinkHeader
        {
            Kind = LinkKind.Tick,
            Epoch = 1,
            Pool = 1,
            Rows = [.. Enumerable.Repeat(new LinkRow(lane, 0, 0, position, 500, 0, null, null, visit, 1), rows)],
        }, new HostPayload(ElementType.F32, [rows, 1, 16, 4, width]));
    });

    [Fact]
    public void Results_ThatNobodyAskedFor_LoseTheRank()
    {
        // A rank that answers an assignment rightly and everything else with what it likes.
        using var inbox = new LinkInbox();
        using var listener = new SocketListener(new IPEndPoint(IPAddress.Loopback, 0), Options, Identity, l => l.Open(inbox), _ => { });
        var rank = Task.Run(() =>
        {
            while (inbox.Take(Patience, out var item) && item.Message is { } message)
                using (message)
                    if (message.Header.Kind == LinkKind.Assign)
                        Send(item.Link, new LinkHeader { Kind = LinkKind.Ready, Epoch = message.Header.Epoch });
                    else
                        Send(item.Link, new LinkHeader { Kind = LinkKind.Result, Epoch = message.Header.Epoch },
                            new HostPayload(ElementType.U8, [3]));
        });
        using var ring = new RankRing(new RankRingOptions { Blocks = ToyRing.Config.Blocks, Deadline = Patience },
            [listener.Endpoint.ToString()], new RankConnector(new LocalRanks(), Options, Identity));
        ring.Form();
        ring.Send(new LinkMessage(ring.Header(LinkKind.Tick, 1), new HostPayload(ElementType.F32, [1, 1, 16, 4, 6])));
        Assert.Throws<RankFailedException>(() => ring.Receive());
        Assert.Empty(ring.Ranks);
        inbox.Dispose();
    }

    private static void Assign(ILink link) => Send(link, new LinkHeader
    {
        Kind = LinkKind.Assign,
        Epoch = 1,
        Detail = """{"Rank":0,"World":1,"Start":0,"End":6}""",
    });

    private static void Send(ILink link, LinkHeader header, params LinkPayload[] payloads) => link.Send(new LinkMessage(header, payloads));

    // The peer's link ends, the log says why, and the same rank does right by a driver who means it.
    private static void Refuses(Action<ILink> act)
    {
        var log = new ConcurrentQueue<string>();
        using var inbox = new LinkInbox();
        using var listener = new SocketListener(
            new IPEndPoint(IPAddress.Loopback, 0), Options, Identity, l => l.Open(inbox), log.Enqueue);
        var connector = new RankConnector(new LocalRanks(), Options, Identity);
        using var worker = new RankWorker(ToyRing.Model, inbox, connector, "the rank") { Log = log.Enqueue };
        var thread = new Thread(() => worker.Run(threads: 1)) { IsBackground = true };
        thread.Start();

        using (var own = new LinkInbox())
        {
            using var link = SocketCaller.Connect(listener.Endpoint.ToString(), Options, Identity, "a peer");
            link.Open(own);
            act(link);
            LinkEvent item;
            do
            {
                Assert.True(own.Take(Patience, out item));
                item.Message?.Dispose();
            }
            while (item.Message is not null);
        }
        Assert.Contains(log, l => l.Contains("its link is closed", StringComparison.Ordinal));

        using var ring = new RankRing(
            new RankRingOptions { Blocks = ToyRing.Config.Blocks, Deadline = Patience }, [listener.Endpoint.ToString()], connector);
        ring.Form();
        var options = ToyRing.Options(1);
        Assert.InRange(ToyRing.Distance(ToyRing.OneRank(options, 2), ToyRing.Ring(ring, options, 2)), 0, 1e-5);
        inbox.Dispose();
        thread.Join();
    }
}
