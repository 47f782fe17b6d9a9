using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;

namespace StreamDiff.Transport.Tests.Links;

public sealed class SocketLinkTests
{
    internal static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly LinkIdentity Identity = new("tiny", "6 blocks", "random:1", "Float32");
    internal static readonly LinkOptions Options = new() { Secret = Secret(1), HandshakeTimeout = TimeSpan.FromSeconds(15) };

    [Fact]
    public void Send_MessagesOfAllTypes_ArriveWholeAndInOrder()
    {
        using var ends = new Ends(Options, Options);
        for (var i = 0; i < 40; i++)
        {
            using var expected = Message(i);
            ends.Caller.Send(Message(i));
            using var actual = ends.Take(ends.AtListener);
            Same(expected, actual);
        }
        ends.Listener.Send(Message(7));
        using var back = ends.Take(ends.AtCaller);
        Same(Message(7), back);
    }

    [Fact]
    public void Send_LargeArrayOverTls_Arrives()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var ends = new Ends(Options with { ServerCertificate = certificate }, Options with { TrustedCertificates = [certificate] });
        var payload = new HostPayload(ElementType.U8, [5, 1 << 20]);
        new Random(3).NextBytes(payload.Memory.Span);
        var expected = payload.Memory.ToArray();
        ends.Caller.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Tick }, payload));
        using var arrived = ends.Take(ends.AtListener);
        Assert.True(arrived.Payloads[0].Host().Span.SequenceEqual(expected));
    }

    [Fact]
    public void Connect_ToAListenerWithTls_WithoutTls_IsRefused()
    {
        using var key = RSA.Create(2048);
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var listener = Listen(Options with { ServerCertificate = certificate }, Identity, _ => { });
        Assert.Contains("TLS", Assert.Throws<LinkException>(() => Call(listener, Options, Identity)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Connect_WrongSecret_IsRefusedByBothSides()
    {
        var log = new List<string>();
        using var listener = Listen(Options, Identity, _ => Assert.Fail("let in"), log);
        var refused = Assert.Throws<LinkException>(() => Call(listener, Options with { Secret = Secret(9) }, Identity));
        Assert.Contains("does not know the secret", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("other", "6 blocks", "random:1", "Float32", "its model is tiny, the caller's is other")]
    [InlineData("tiny", "8 blocks", "random:1", "Float32", "its network is 6 blocks, the caller's is 8 blocks")]
    [InlineData("tiny", "6 blocks", "random:2", "Float32", "its weights is random:1, the caller's is random:2")]
    [InlineData("tiny", "6 blocks", "random:1", "BFloat16", "its type is Float32, the caller's is BFloat16")]
    public void Connect_NothingInCommon_IsRefusedWithTheReason(string model, string shape, string weights, string type, string reason)
    {
        using var listener = Listen(Options, Identity, _ => Assert.Fail("let in"));
        var refused = Assert.Throws<LinkException>(() => Call(listener, Options, new LinkIdentity(model, shape, weights, type)));
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Connect_NobodyThere_SaysWhatToDo()
    {
        using var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var port = ((IPEndPoint)free.LocalEndpoint).Port;
        free.Stop();
        var refused = Assert.Throws<LinkException>(() => SocketCaller.Connect($"127.0.0.1:{port}", Options, Identity, "test"));
        Assert.Contains("streamdiff rank --listen", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Listener_GarbageAndSilence_HarmNothing()
    {
        var log = new List<string>();
        using var ready = new SemaphoreSlim(0);
        var options = Options with { HandshakeTimeout = TimeSpan.FromMilliseconds(300), MaxHandshakes = 4 };
        using var listener = Listen(options, Identity, link => { link.Dispose(); ready.Release(); }, log);
        var random = new Random(5);
        for (var i = 0; i < 60; i++)
        {
            using var stranger = new TcpClient();
            stranger.Connect(listener.Endpoint);
            var garbage = new byte[random.Next(0, 5000)];
            random.NextBytes(garbage);
            try
            {
                stranger.GetStream().Write(garbage);
            }
            catch (IOException)
            {
                // Dropped while it still spoke.
            }
        }
        CallUntilLetIn();
        Assert.True(ready.Wait(Patience));

        // The time for a handshake is as short for a friend: on a busy machine the first call may not make it.
        void CallUntilLetIn()
        {
            for (var tries = 0; ; tries++)
            {
                try
                {
                    Call(listener, Options, Identity).Dispose();
                    return;
                }
                catch (LinkException) when (tries < 100)
                {
                }
            }
        }
    }

    [Fact]
    public void Peer_Gone_IsToldToTheInbox()
    {
        using var ends = new Ends(Options, Options);
        ends.Caller.Dispose();
        Assert.True(ends.AtListener.Take(Patience, out var item));
        Assert.Null(item.Message);
        Assert.NotNull(item.Reason);
        Assert.Throws<LinkException>(() =>
        {
            for (var i = 0; i < 100; i++)
                ends.Listener.Send(new LinkMessage(new LinkHeader { Kind = LinkKind.Tick }));
        });
    }

    /// <summary>One of many secrets.</summary>
    internal static byte[] Secret(int seed) => SHA256.HashData(BitConverter.GetBytes(seed));

    internal static LinkMessage Message(int seed)
    {
        var random = new Random(seed);
        var types = Enum.GetValues<ElementType>();
        var payloads = new List<LinkPayload>();
        for (var i = 0; i < random.Next(4); i++)
        {
            var payload = new HostPayload(
                types[random.Next(types.Length)], [.. Enumerable.Range(0, random.Next(5)).Select(_ => (long)random.Next(0, 9))]);
            random.NextBytes(payload.Memory.Span);
            payloads.Add(payload);
        }
        return new LinkMessage(
            new LinkHeader
            {
                Kind = LinkKind.Tick,
                Pool = random.Next(),
                Epoch = random.Next(),
                Tick = random.NextInt64(),
                Rows = [.. Enumerable.Range(0, random.Next(5)).Select(r => new LinkRow(
                    r, r, random.NextInt64(), random.NextInt64(), random.NextDouble() * 1000, r, r % 2 == 0 ? null : random.NextDouble(),
                    r % 3 == 0 ? null : r, r, r + 1))],
                Timings = [.. Enumerable.Range(0, random.Next(3)).Select(r => new RankTiming(r, 1, 2, 3, 4, 5, random.NextInt64()))],
                Detail = random.Next(2) == 0 ? null : "{\"ö\": 1}",
            },
            payloads);
    }

    private static void Same(LinkMessage expected, LinkMessage actual)
    {
        Assert.Equal(expected.Header with { Rows = [], Timings = [], DeviceArrays = [] },
            actual.Header with { Rows = [], Timings = [], DeviceArrays = [] });
        Assert.Equal(expected.Header.Rows, actual.Header.Rows);
        Assert.Equal(expected.Header.Timings, actual.Header.Timings);
        Assert.Equal(expected.Payloads.Count, actual.Payloads.Count);
        for (var i = 0; i < expected.Payloads.Count; i++)
        {
            Assert.Equal(expected.Payloads[i].Type, actual.Payloads[i].Type);
            Assert.Equal(expected.Payloads[i].Shape, actual.Payloads[i].Shape);
            Assert.True(expected.Payloads[i].Host().Span.SequenceEqual(actual.Payloads[i].Host().Span));
        }
    }

    [Fact]
    public void Link_BothEnds_NoticeAMachineThatVanishes()
    {
        using var ends = new Ends(Options, Options);
        // Nothing is on its way: what the system waits for is the time to ask.
        Assert.True(SpinWait.SpinUntil(
            () => Questions(ends.Port) is { Count: 2 } due && due.All(d => d <= Options.KeepAlive), Patience));

        // And while something is: without it, a quarter of an hour.
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        LinkSocket.Prepare(socket, Options);
        var milliseconds = new byte[sizeof(int)];
        socket.GetRawSocketOption(6, LinkSocket.UserTimeout, milliseconds);
        Assert.Equal(25_000, BitConverter.ToInt32(milliseconds));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Link_PeerThatIsSilent_IsKept()
    {
        var options = Options with { KeepAlive = TimeSpan.FromSeconds(1) };
        using var ends = new Ends(options, options);
        // Each question that is answered begins the time anew; three without an answer would have ended the link.
        var (answered, last) = (0, TimeSpan.Zero);
        Assert.True(SpinWait.SpinUntil(() =>
        {
            var due = Questions(ends.Port).DefaultIfEmpty().Min();
            answered += due > last ? 1 : 0;
            last = due;
            return answered > 9;
        }, Patience));
        ends.Caller.Send(Message(3));
        using var arrived = ends.Take(ends.AtListener);
        Same(Message(3), arrived);
    }

    // How long it is until the system asks, for each end of the connections to a port that ask at all.
    private static List<TimeSpan> Questions(int port)
    {
        const string keepAlive = "02:";
        var end = $":{port:X4}";
        var asked = new List<TimeSpan>();
        // A caller's socket speaks both.
        foreach (var line in File.ReadLines("/proc/net/tcp").Concat(File.ReadLines("/proc/net/tcp6")))
        {
            // local, remote, state (1: established), queues, which timer and when in hundredths of a second
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var isOfPort = fields[1].EndsWith(end, StringComparison.Ordinal) || fields[2].EndsWith(end, StringComparison.Ordinal);
            if (isOfPort && fields[3] == "01" && fields[5].StartsWith(keepAlive, StringComparison.Ordinal))
                asked.Add(TimeSpan.FromSeconds(Convert.ToInt64(fields[5][keepAlive.Length..], 16) / 100.0));
        }
        return asked;
    }

    internal static SocketListener Listen(LinkOptions options, LinkIdentity identity, Action<ILink> accept, List<string>? log = null) =>
        new(new IPEndPoint(IPAddress.Loopback, 0), options, identity, accept, line =>
        {
            if (log is not null)
                lock (log)
                    log.Add(line);
        });

    private static ILink Call(SocketListener listener, LinkOptions options, LinkIdentity identity) =>
        SocketCaller.Connect(listener.Endpoint.ToString(), options, identity, "test");

    internal sealed class Ends : IDisposable
    {
        private readonly SocketListener _listener;

        public Ends(LinkOptions listening, LinkOptions calling)
        {
            using var accepted = new SemaphoreSlim(0);
            ILink? listener = null;
            _listener = Listen(listening, Identity, link =>
            {
                listener = link;
                accepted.Release();
            });
            Caller = Call(_listener, calling, Identity);
            Assert.True(accepted.Wait(Patience));
            Listener = listener!;
            Caller.Open(AtCaller);
            Listener.Open(AtListener);
        }

        public int Port => _listener.Endpoint.Port;

        public ILink Caller { get; }

        public ILink Listener { get; }

        public LinkInbox AtCaller { get; } = new();

        public LinkInbox AtListener { get; } = new();

        public LinkMessage Take(LinkInbox inbox)
        {
            Assert.True(inbox.Take(Patience, out var item));
            Assert.True(item.Message is not null, item.Reason);
            return item.Message;
        }

        public void Dispose()
        {
            Caller.Dispose();
            Listener.Dispose();
            _listener.Dispose();
            AtCaller.Dispose();
            AtListener.Dispose();
        }
    }
}
