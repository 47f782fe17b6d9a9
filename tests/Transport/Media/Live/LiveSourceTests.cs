using System.Net.Sockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>What comes in from ffmpeg over loopback.</summary>
public sealed class LiveSourceTests : IDisposable
{
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    public void Dispose() => _patience.Dispose();

    [Fact]
    public void RtmpListen_PublisherWithPicturesAndSound_BothArrive()
    {
        using var opener = Listen("live/key");
        using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv");
        using var source = opener.Open(_patience.Token);
        Assert.Equal((320, 192), (source.Video.Width, source.Video.Height));
        Assert.Equal("aac", source.Audio?.Codec);
        AssertFlows(source, 30);
    }

    [Fact]
    public void RtmpListen_OnePublisherAfterTheOther_BothAreRead()
    {
        using var opener = Listen("live/key");
        for (var i = 0; i < 2; i++)
        {
            using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv", seconds: 1);
            using var source = opener.Open(_patience.Token);
            Assert.InRange(CountToEnd(source), 25, 31);
        }
    }

    [Theory]
    [InlineData("live/wrong")]
    [InlineData("other/key")]
    public void RtmpListen_WrongAppOrKey_IsSentAway(string path)
    {
        using var opener = Listen("live/key");
        using var stranger = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/{path}", "flv");
        Assert.NotEqual(0, stranger.Finish().Code);
        Assert.Equal(1, opener.RefusedPeers);
    }

    [Fact]
    public void RtmpListen_PublishersSentAway_AreToldOfWithTheReasonAndWithoutKeys()
    {
        var told = new System.Collections.Concurrent.ConcurrentQueue<string>();
        using var opener = new SourceOpener(Live("rtmp://127.0.0.1:0/live/key?listen=1"), refused: told.Enqueue);
        using var wrongKey = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/wrong", "flv");
        _ = wrongKey.Finish();
        using var wrongApp = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/other/key", "flv");
        _ = wrongApp.Finish();
        using var scan = new TcpClient("127.0.0.1", opener.ListeningPort);
        scan.GetStream().Write(new byte[5000]);
        Assert.Equal(["127.0.0.1 was sent away: a wrong stream key", "127.0.0.1 was sent away: another application was asked for"],
            told.Select(t => t["a publisher from ".Length..]));
    }

    [Fact]
    public void RtmpListen_PublisherThatEndsInSeveralWords_IsHeardOut()
    {
        // As GStreamer does: what breaks off before its last word is a failure to it.
        using var opener = Listen("live/key");
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Say("FCUnpublish");
        Assert.Contains("NetStream.Unpublish.Success", sender.Listen("NetStream.Unpublish.Success"), StringComparison.Ordinal);
        sender.Say("closeStream");
        sender.Say("deleteStream");
        Assert.True(sender.IsConnected);
        // Its place is free all the same.
        using var next = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv", seconds: 1);
        Assert.Equal(0, next.Finish().Code);
        Assert.Equal(0, opener.RefusedPeers);
    }

    [Fact]
    public void RtmpListen_OnAllAddressesOfSix_AlsoTakesThoseOfFour()
    {
        using var opener = new SourceOpener(Live("rtmp://[::]:0/live/key?listen=1"));
        using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv", seconds: 2);
        using var source = opener.Open(_patience.Token);
        AssertFlows(source, 10);
    }

    [Theory]
    [InlineData("udp://127.0.0.1", "names no port")]
    [InlineData("srt://127.0.0.1:9000?latency=20ms", "latency is a whole number of microseconds, such as 20000 for 20 ms, not '20ms'")]
    [InlineData("rtmp://no-such-host.invalid:1935/live/key?listen=1", "the name no-such-host.invalid is not known")]
    public void Open_AddressThatCannotBe_IsAnErrorInWords(string address, string words)
    {
        var error = Assert.Throws<MediaException>(() =>
        {
            using var opener = new SourceOpener(Live(address));
            using var source = opener.Open(_patience.Token);
        });
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void RtmpListen_SecondPublisher_IsSentAwayAndTheFirstGoesOn()
    {
        using var opener = Listen("live/key");
        using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv");
        using var source = opener.Open(_patience.Token);
        using var second = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv");
        Assert.NotEqual(0, second.Finish().Code);
        AssertFlows(source, 30);
    }

    [Fact]
    public void RtmpListen_GarbageAndSilentPeers_DoNotKeepThePublisherOut()
    {
        using var opener = Listen("live/key");
        using var silent = new TcpClient("127.0.0.1", opener.ListeningPort);
        using var garbage = new TcpClient("127.0.0.1", opener.ListeningPort);
        var noise = new byte[100_000];
        new Random(3).NextBytes(noise);
        try
        {
            garbage.GetStream().Write(noise);
        }
        catch (IOException)
        {
            // It is sent away while it is still writing.
        }

        using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv");
        using var source = opener.Open(_patience.Token);
        AssertFlows(source, 10);
    }

    [Fact]
    public void RtmpListen_PublisherKilled_EndsTheSource()
    {
        using var opener = Listen("live/key");
        using var sender = Peer.Sender($"rtmp://127.0.0.1:{opener.ListeningPort}/live/key", "flv");
        using var source = opener.Open(_patience.Token);
        AssertFlows(source, 5);
        sender.Kill();
        _ = CountToEnd(source);
        Assert.Contains("has ended", Assert.Single(source.Statistics.Warnings), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("srt", "?mode=listener&latency=20000", "?mode=caller&latency=20000")]
    [InlineData("srt", "?mode=listener&latency=20000&passphrase=secret12345", "?mode=caller&latency=20000&passphrase=secret12345")]
    [InlineData("udp", "", "?pkt_size=1316")]
    public void TransportStream_FromFfmpeg_Arrives(string protocol, string own, string theirs)
    {
        var port = FreePort.Udp();
        using var sender = protocol == "udp" ? Peer.Sender($"udp://127.0.0.1:{port}{theirs}", "mpegts") : null;
        // The caller repeats its handshake until the listener is there.
        using var caller = protocol == "srt" ? Peer.Sender($"srt://127.0.0.1:{port}{theirs}&connect_timeout=20000", "mpegts") : null;
        using var source = MediaSources.Open(Live($"{protocol}://127.0.0.1:{port}{own}"), _patience.Token);
        Assert.Equal("aac", source.Audio?.Codec);
        AssertFlows(source, 30);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Rtmp_JoinedLongBeforeTheNextKeyFrame_BeginsWithItAndSaysSo()
    {
        using var folder = new TempFolder();
        using var server = NginxRtmp.Start(folder);
        var address = $"rtmp://127.0.0.1:{server.Port}/live/k";
        using var sender = Peer.Ffmpeg(
            "-re -f lavfi -i testsrc2=size=320x192:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 60 -c:v libx264 "
                + $"-preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 150 -c:a aac -f flv {address}");
        using var opener = new SourceOpener(Live(address) with { OpenTimeout = TimeSpan.FromSeconds(15) });
        OpenOnceItSends(opener, []).Dispose();
        // It has just begun with a key frame; the next one is five seconds away.
        var said = new List<string>();
        using var source = OpenOnceItSends(opener, said);
        Assert.Equal((320, 192), source.Video.CodedSize);
        Assert.Contains("next key frame is", Assert.Single(said), StringComparison.Ordinal);
        AssertFlows(source, 30);
    }

    private IFrameSource OpenOnceItSends(SourceOpener opener, List<string> said)
    {
        while (true)
        {
            try
            {
                return opener.Open(_patience.Token, said.Add);
            }
            catch (MediaException)
            {
                // The sender is still starting.
                said.Clear();
                Assert.False(_patience.Token.WaitHandle.WaitOne(100));
            }
        }
    }

    [Fact]
    public void Srt_WrongPassphrase_IsNotLetIn()
    {
        var port = FreePort.Udp();
        using var cancel = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        using var stranger = Peer.Sender($"srt://127.0.0.1:{port}?passphrase=wrong123456", "mpegts");
        Assert.ThrowsAny<OperationCanceledException>(() =>
            MediaSources.Open(Live($"srt://127.0.0.1:{port}?mode=listener&passphrase=secret12345"), cancel.Token));
    }

    [Theory]
    [InlineData("srt://127.0.0.1:{0}?mode=listener")]
    [InlineData("udp://127.0.0.1:{0}")]
    [InlineData("rtmp://127.0.0.1:{0}/live/key?listen=1")]
    public void Open_NobodySends_CanBeCancelled(string address)
    {
        using var cancel = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        var input = string.Format(System.Globalization.CultureInfo.InvariantCulture, address, FreePort.Tcp());
        Assert.ThrowsAny<OperationCanceledException>(() => MediaSources.Open(Live(input), cancel.Token));
    }

    [Fact]
    public void Read_SenderStopsWithoutLeaving_EndsAfterTheStallTime()
    {
        // On a busy machine a sender may stand still for longer than the shorter ones before it ends.
        foreach (var stall in (int[])[1, 5, 25])
        {
            var port = FreePort.Udp();
            using var sender = Peer.Sender($"udp://127.0.0.1:{port}?pkt_size=1316", "mpegts", seconds: 600);
            using var source = MediaSources.Open(
                Live($"udp://127.0.0.1:{port}") with { StallTimeout = TimeSpan.FromSeconds(stall) }, _patience.Token);
            var frames = 0;
            while (frames < 10 && source.Read(_patience.Token) is { } unit)
            {
                using (unit)
                    frames += unit is VideoFrame ? 1 : 0;
            }

            if (frames < 10)
                continue;
            sender.Kill();
            Assert.InRange(frames + CountToEnd(source), 10, 600 * 30);
            Assert.Contains(source.Statistics.Warnings, w => w.Contains("sends nothing any more", StringComparison.Ordinal));
            return;
        }

        Assert.Fail("ten pictures never came");
    }

    private static SourceOpener Listen(string path) => new(Live($"rtmp://127.0.0.1:0/{path}?listen=1"));

    private static VideoSourceOptions Live(string input) => new() { Input = input, StallTimeout = TimeSpan.FromSeconds(5) };

    private void AssertFlows(IFrameSource source, int frames)
    {
        var sound = 0;
        long last = -1;
        while (frames > 0)
        {
            using var unit = source.Read(_patience.Token);
            Assert.NotNull(unit);
            if (unit is VideoFrame frame)
            {
                Assert.True(frame.Pts > last);
                last = frame.Pts;
                frames--;
            }
            else
            {
                sound++;
            }
        }

        Assert.True(sound > 0);
    }

    private int CountToEnd(IFrameSource source)
    {
        var frames = 0;
        while (source.Read(_patience.Token) is { } unit)
        {
            frames += unit is VideoFrame ? 1 : 0;
            unit.Dispose();
        }

        return frames;
    }
}
