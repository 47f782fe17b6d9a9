using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Several inputs of one process behind one port: RTMP by application and key, SRT by stream id.</summary>
public sealed class SharedPortTests : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public void Rtmp_TwoKeysAtOnePort_EachGetsItsOwnPublisher()
    {
        using var first = Open("rtmp://127.0.0.1:0/live/one?listen=1");
        var port = first.ListeningPort;
        using var second = Open($"rtmp://127.0.0.1:{port}/live/two?listen=1");
        using var other = Open($"rtmp://127.0.0.1:{port}/stage/one?listen=1");
        using var a = Peer.Sender($"rtmp://127.0.0.1:{port}/live/one", "flv", size: "160x96");
        using var b = Peer.Sender($"rtmp://127.0.0.1:{port}/live/two", "flv", size: "192x112");
        using var c = Peer.Sender($"rtmp://127.0.0.1:{port}/stage/one", "flv", size: "128x64");
        AssertSize(192, second);
        AssertSize(160, first);
        AssertSize(128, other);
        using var stranger = Peer.Sender($"rtmp://127.0.0.1:{port}/live/three", "flv");
        Assert.NotEqual(0, stranger.Finish().Code);
        Assert.Equal(1, first.RefusedPeers);
    }

    [Fact]
    public void Rtmp_PublisherSentAway_IsToldToTheInputThatItNamesOrToAll()
    {
        using var first = new Told("rtmp://127.0.0.1:0/live/one?listen=1");
        var port = first.Opener.ListeningPort;
        using var second = new Told($"rtmp://127.0.0.1:{port}/live/two?listen=1");
        using var stranger = Peer.Sender($"rtmp://127.0.0.1:{port}/live/three", "flv");
        Assert.EndsWith("was sent away: a wrong stream key", first.Next(_patience.Token), StringComparison.Ordinal);
        Assert.EndsWith("was sent away: a wrong stream key", second.Next(_patience.Token), StringComparison.Ordinal);
        using var sender = Peer.Sender($"rtmp://127.0.0.1:{port}/live/two", "flv", size: "192x112");
        using var source = second.Opener.Open(_patience.Token);
        using var another = Peer.Sender($"rtmp://127.0.0.1:{port}/live/two", "flv");
        Assert.EndsWith("was sent away: another publisher is there", second.Next(_patience.Token), StringComparison.Ordinal);
        Assert.False(first.HasMore);
    }

    [Fact]
    public void Rtmp_TheSameKeyTwice_IsRefusedInWords()
    {
        using var first = Open("rtmp://127.0.0.1:0/live/one?listen=1");
        var error = Assert.Throws<MediaException>(() => Open($"rtmp://127.0.0.1:{first.ListeningPort}/live/one?listen=1"));
        Assert.Contains("is listened to already", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rtmp_OneInputEnds_TheOthersGoOnAndTheLastClosesThePort()
    {
        var first = Open("rtmp://127.0.0.1:0/live/one?listen=1");
        var port = first.ListeningPort;
        using (var second = Open($"rtmp://127.0.0.1:{port}/live/two?listen=1"))
        {
            first.Dispose();
            using var stranger = Peer.Sender($"rtmp://127.0.0.1:{port}/live/one", "flv");
            using var sender = Peer.Sender($"rtmp://127.0.0.1:{port}/live/two", "flv", size: "192x112");
            AssertSize(192, second);
            Assert.NotEqual(0, stranger.Finish().Code);
        }

        using var again = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, port);
        again.Start();
    }

    [Fact]
    public void Rtmps_WithACertificate_TakesFfmpegsPublisher()
    {
        using var folder = new TempFolder();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(200));
        File.WriteAllText(folder.File("cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(folder.File("key.pem"), key.ExportPkcs8PrivateKeyPem());
        using var opener = Open(
            $"rtmps://127.0.0.1:0/live/one?listen=1&cert={folder.File("cert.pem")}&cert-key={folder.File("key.pem")}");
        using var plain = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/one", "flv");
        Assert.NotEqual(0, plain.Finish().Code);
        using var sender = Peer.Sender($"rtmps://127.0.0.1:{opener.ListeningPort}/live/one", "flv", size: "192x112");
        AssertSize(192, opener);
    }

    [Theory]
    [InlineData("rtmps://127.0.0.1:0/live/one?listen=1", "needs a certificate")]
    [InlineData("rtmps://127.0.0.1:0/live/one?listen=1&cert=/nowhere.pem", "cannot be used")]
    [InlineData("rtmp://127.0.0.1:0/live/one?listen=1&cert=/nowhere.pem", "is for rtmps")]
    [InlineData("srt://127.0.0.1:9000?mode=listener&latency=20ms", "latency is a whole number of microseconds")]
    [InlineData("srt://127.0.0.1:9000?mode=listener&rcvbuf=much", "rcvbuf is a whole number")]
    public void WrongAddress_IsSaidInWords(string address, string text) =>
        Assert.Contains(text, Assert.Throws<MediaException>(() => Open(address)).Message, StringComparison.Ordinal);

    // Whoever opens a port that another one is just closing waits for that, and is not told that it is taken.
    [Fact]
    public async Task Srt_PortClosedAndOpenedAtTheSameTime_IsNeverTaken()
    {
        var port = FreePort.Udp();
        await Task.WhenAll(Enumerable.Range(0, 2).Select(user => Task.Run(() =>
        {
            for (var i = 0; i < 200; i++)
                Open($"srt://127.0.0.1:{port}?mode=listener&streamid=user-{user}").Dispose();
        })));
    }

    [Fact]
    public void Srt_TwoStreamIdsAtOnePort_EachGetsItsOwnCaller()
    {
        using var first = Open("srt://127.0.0.1:" + FreePort.Udp() + "?mode=listener&latency=20000&streamid=one");
        var port = first.ListeningPort;
        using var second = Open($"srt://127.0.0.1:{port}?mode=listener&latency=20000&streamid=live/two&passphrase=secret12345");
        using var wrong = Peer.Sender($"srt://127.0.0.1:{port}?streamid=three", "mpegts");
        using var keyless = Peer.Sender($"srt://127.0.0.1:{port}?streamid=live/two", "mpegts");
        using var nameless = Peer.Sender($"srt://127.0.0.1:{port}", "mpegts");
        Assert.All([wrong, keyless, nameless], peer => Assert.NotEqual(0, peer.Finish().Code));
        using var a = Peer.Sender($"srt://127.0.0.1:{port}?streamid=one", "mpegts", size: "160x96");
        using var b = Peer.Sender(
            $"srt://127.0.0.1:{port}?passphrase=secret12345&streamid=#!::r=live/two,m=publish", "mpegts", size: "192x112");
        AssertSize(192, second);
        AssertSize(160, first);
        Assert.Equal(2, first.RefusedPeers);
        using var late = Peer.Sender($"srt://127.0.0.1:{port}?streamid=one", "mpegts", size: "160x96");
        AssertSize(160, first);
    }

    [Fact]
    public void Srt_WithoutAStreamId_TakesAnyCallerAndTheNext()
    {
        using var opener = Open($"srt://127.0.0.1:{FreePort.Udp()}?mode=listener&latency=20000");
        foreach (var id in new[] { "", "?streamid=whatever" })
        {
            using var sender = Peer.Sender($"srt://127.0.0.1:{opener.ListeningPort}{id}", "mpegts", size: "160x96", seconds: 2);
            AssertSize(160, opener);
            sender.Kill();
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Srt_SecondCaller_IsRejectedAndTakesOverWhereThatIsAllowed()
    {
        using var strict = Open($"srt://127.0.0.1:{FreePort.Udp()}?mode=listener&latency=20000");
        using var first = Peer.Sender($"srt://127.0.0.1:{strict.ListeningPort}", "mpegts", size: "160x96");
        using var source = strict.Open(_patience.Token);
        using var second = Peer.Sender($"srt://127.0.0.1:{strict.ListeningPort}", "mpegts");
        Assert.NotEqual(0, second.Finish().Code);
        Assert.NotNull(source.Read(_patience.Token));

        using var open = Open($"srt://127.0.0.1:{FreePort.Udp()}?mode=listener&latency=20000&override=1");
        using var third = Peer.Sender($"srt://127.0.0.1:{open.ListeningPort}", "mpegts", size: "160x96");
        using (var before = open.Open(_patience.Token))
        {
            using var fourth = Peer.Sender($"srt://127.0.0.1:{open.ListeningPort}", "mpegts", size: "192x112");
            while (before.Read(_patience.Token) is { } unit)
                unit.Dispose();
            AssertSize(192, open);
        }
    }

    [Fact]
    public void Srt_Connection_TellsRoundTripAndPackets()
    {
        using var opener = Open($"srt://127.0.0.1:{FreePort.Udp()}?mode=listener&latency=20000");
        Assert.Null(opener.Link);
        using var sender = Peer.Sender($"srt://127.0.0.1:{opener.ListeningPort}", "mpegts", size: "160x96");
        using (var source = opener.Open(_patience.Token))
        {
            source.Read(_patience.Token)!.Dispose();
            var link = opener.Link;
            Assert.True(link!.Packets > 10);
            Assert.InRange(link.RoundTrip.TotalMilliseconds, 0.001, 5000);
        }

        Assert.Null(opener.Link);
    }

    private static SourceOpener Open(string input) => new(
        new VideoSourceOptions { Input = input, StallTimeout = TimeSpan.FromSeconds(30) });

    private sealed class Told : IDisposable
    {
        private readonly System.Collections.Concurrent.BlockingCollection<string> _told = [];

        public Told(string input) => Opener = new SourceOpener(
            new VideoSourceOptions { Input = input, StallTimeout = TimeSpan.FromSeconds(30) }, refused: _told.Add);

        public SourceOpener Opener { get; }

        public bool HasMore => _told.Count > 0;

        public string Next(CancellationToken ct) => _told.Take(ct);

        public void Dispose()
        {
            Opener.Dispose();
            _told.Dispose();
        }
    }

    private void AssertSize(int width, SourceOpener opener)
    {
        using var source = opener.Open(_patience.Token);
        Assert.Equal(width, source.Video.Width);
        for (var frames = 0; frames < 5;)
        {
            using var unit = source.Read(_patience.Token);
            Assert.NotNull(unit);
            frames += unit is VideoFrame ? 1 : 0;
        }
    }
}
