using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Media.Rtmp;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Peers of the RTMP port that mean no good: they get little room and keep nobody out.</summary>
public sealed class HostileRtmpTests
{
    private const int MostBytesBefore = 20_000;
    internal static readonly byte[] Handshake = [3, .. new byte[1536 * 2]];

    [Theory]
    [InlineData(1, 16 << 20)]
    [InlineData(64, 60_000)]
    [InlineData(64, 4000)]
    [InlineData(1, 2000)]
    public async Task BeforePublish_ManyOrLongMessages_AreCutShort(int streams, int length)
    {
        // A chunk size of a message, then unfinished or endless messages on so many chunk streams.
        var bytes = new MemoryStream();
        bytes.Write(Handshake);
        bytes.Write(Message(2, 1, [0x00, 0x80, 0x00, 0x00]));
        for (var round = 0; round < 100 && bytes.Length < 1 << 22; round++)
            for (var stream = 3; stream < 3 + Math.Min(streams, 60); stream++)
                bytes.Write(Message(stream, 9, new byte[Math.Min(length, 1 << 20)], length));
        bytes.Position = 0;
        using var publishing = Publishing(bytes);
        await Assert.ThrowsAsync<RtmpException>(() => publishing.NegotiateAsync(CancellationToken.None));
        Assert.InRange(publishing.Received, 0, MostBytesBefore);
    }

    [Fact]
    public async Task AMessageThatIsComplete_IsNotKept()
    {
        var bytes = new MemoryStream();
        bytes.Write(Message(2, 1, [0x00, 0x7f, 0xff, 0xff]));
        for (var stream = 3; stream < 15; stream++)
            bytes.Write(Message(stream, 9, new byte[1 << 20]));
        bytes.Position = 0;
        using var reader = new RtmpReader(bytes) { IsProven = true };
        // All of them at once are more than what may be unfinished.
        for (var stream = 3; stream < 15; stream++)
            Assert.Equal(1 << 20, (await reader.ReadAsync(CancellationToken.None)).Payload.Length);
    }

    [Theory]
    [InlineData("publish")]
    [InlineData("createStream")]
    public async Task ACommandBeforeConnect_IsRefused(string command)
    {
        var bytes = new MemoryStream();
        bytes.Write(Handshake);
        bytes.Write(Message(3, 20, Amf0Writer.Write(command, 1.0, null, "key", "live")));
        bytes.Write(Message(3, 20, Amf0Writer.Write("publish", 2.0, null, "key", "live")));
        bytes.Position = 0;
        using var publishing = Publishing(bytes);
        var refused = await Assert.ThrowsAsync<RtmpException>(() => publishing.NegotiateAsync(CancellationToken.None));
        Assert.Contains("before connect", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4000)]
    public void ManyIdlePeers_KeepNoPublisherOut(int said)
    {
        using var opener = new SourceOpener(Live("rtmp://127.0.0.1:0/live/key?listen=1"));
        var idle = new List<TcpClient>();
        try
        {
            for (var i = 0; i < 300; i++)
            {
                var peer = new TcpClient();
                peer.Connect(IPAddress.Loopback, opener.ListeningPort);
                idle.Add(peer);
                Quietly(() => peer.GetStream().Write(Handshake.AsSpan(0, Math.Min(said, Handshake.Length))));
            }
            using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv", seconds: 20, size: "64x64");
            using var source = opener.Open(CancellationToken.None);
            AssertReads(source);
        }
        finally
        {
            idle.ForEach(i => i.Dispose());
        }
    }

    [Fact]
    public void Override_ANewPublisherTakesOverFromOneThatStands()
    {
        using var opener = new SourceOpener(Live("rtmp://127.0.0.1:0/live/key?listen=1&override=1"));
        using var first = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv", size: "64x64");
        using (var source = opener.Open(CancellationToken.None))
        {
            AssertReads(source);
        }
        // It still sends, or stands still: the place is the new one's in either case, which a listener without override refuses.
        var patience = System.Diagnostics.Stopwatch.StartNew();
        using var second = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv", seconds: 20, size: "96x64");
        while (true)
        {
            using var source = opener.Open(CancellationToken.None);
            Assert.True(patience.Elapsed < TimeSpan.FromMinutes(3), "the new publisher never came");
            if (source.Video.Width != 96)
                continue;
            AssertReads(source);
            break;
        }
    }

    [Theory]
    [InlineData(30, true)]
    [InlineData(3000, false)]
    public async Task APublisherThatSendsNextToNothing_LosesItsPlace(int bytesInSixSeconds, bool ends)
    {
        var bytes = new MemoryStream();
        bytes.Write(Handshake);
        bytes.Write(Message(3, 20, Amf0Writer.Write("connect", 1.0, new (string, object?)[] { ("app", "live") })));
        bytes.Write(Message(3, 20, Amf0Writer.Write("createStream", 2.0, null)));
        bytes.Write(Message(3, 20, Amf0Writer.Write("publish", 3.0, null, "key", "live")));
        bytes.Write(Message(2, 1, [0x00, 0x00, 0xff, 0xff]));
        for (var i = 0; i < 6; i++)
            bytes.Write(Message(4, 8, new byte[bytesInSixSeconds]));
        bytes.Position = 0;
        using var publishing = Publishing(bytes);
        await publishing.NegotiateAsync(CancellationToken.None);
        await publishing.AcceptAsync(CancellationToken.None);
        using var publisher = new RtmpPublisher();
        var problem = await Record.ExceptionAsync(() => publisher.PumpAsync(publishing, TimeSpan.FromSeconds(60), new HastyClock()));
        Assert.Equal(ends, problem is RtmpException e && e.Message.Contains("next to nothing", StringComparison.Ordinal));
    }

    // Six seconds later whenever it is looked at.
    private sealed class HastyClock : TimeProvider
    {
        private long _now;

        public override long GetTimestamp() => _now += 6 * TimestampFrequency;
    }

    private static void AssertReads(IFrameSource source)
    {
        while (true)
        {
            var unit = source.Read(CancellationToken.None);
            Assert.NotNull(unit);
            (unit as IDisposable)?.Dispose();
            if (unit is VideoFrame)
                return;
        }
    }

    private static VideoSourceOptions Live(string input) => new()
    {
        Input = input,
        StallTimeout = TimeSpan.FromSeconds(60),
        OpenTimeout = TimeSpan.FromSeconds(60),
    };

    private static RtmpPublishing Publishing(Stream input) =>
        new(new DuplexStream(input, Stream.Null), (app, key) => app == "live" && key is null or "key");

    internal static byte[] Message(int stream, byte type, byte[] payload, int? length = null)
    {
        var header = new byte[12];
        header[0] = (byte)stream;
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(3), length ?? payload.Length);
        header[3] = 0;
        header[7] = type;
        (header[4], header[5], header[6]) =
            ((byte)((length ?? payload.Length) >> 16), (byte)((length ?? payload.Length) >> 8), (byte)(length ?? payload.Length));
        return [.. header, .. payload];
    }

    private static void Quietly(Action action)
    {
        try
        {
            action();
        }
        catch (IOException)
        {
            // Dropped already.
        }
    }
}
