using System.Collections.Concurrent;
using System.Net;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Media.Relay;
using StreamDiff.Transport.Media.Rtmp;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Publishers that say what cannot be, or ask for room without end.</summary>
public sealed class RtmpDemandsTests : IDisposable
{
    private const int MostHeader = 64 * 1024;

    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(5));
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(0.0004, 25)]
    [InlineData(1e300, 25)]
    [InlineData(double.NaN, 25)]
    [InlineData(12.5, 12.5)]
    public void Metadata_AnyFrameRate_IsUsedWhereItCanBe(double said, double used)
    {
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(new FlvTag(18, 0, Amf0Writer.Write("onMetaData", new (string, object?)[] { ("framerate", said) })), 0);
        sender.Send(Clip());
        using var source = opener.Open(_patience.Token);
        Assert.Equal(used, source.Video.FrameRate.ToDouble());
    }

    [Fact]
    public void Header_OfAnySize_EndsThePublisherWhereItIsTooLarge()
    {
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Clip());
        using var source = opener.Open(_patience.Token);
        sender.Send(Header(1, MostHeader + 1), 1000);
        // The publisher is still there: without an end of the source this waits.
        Drain(source);
        Assert.Contains(source.Statistics.Warnings, w => w.Contains("stopped early", StringComparison.Ordinal));
    }

    [Fact]
    public void Headers_OneAfterTheOther_AreBoundedTogether()
    {
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Clip());
        using var source = opener.Open(_patience.Token);
        for (var number = 0; number < 100; number++)
            sender.Send(Header((byte)number, MostHeader - 100), 1000 + number);
        Drain(source);
        Assert.Contains(source.Statistics.Warnings, w => w.Contains("stopped early", StringComparison.Ordinal));
    }

    [Fact]
    public void Relay_HeaderThatIsTooLarge_IsNotKept()
    {
        var said = new ConcurrentQueue<string>();
        using var relay = new RelayPort(new IPEndPoint(IPAddress.Loopback, 0), "s3cret");
        var port = FreePort();
        relay.Add("show", MediaAddress.Parse($"rtmp://127.0.0.1:{port}/live/key?listen=1"), said.Enqueue);
        using var sender = new RtmpSender(port);
        sender.Send(Header(1, MostHeader + 1), 0);
        while (said.IsEmpty)
            Assert.False(_patience.Token.WaitHandle.WaitOne(10), "the relay never said why it sent the publisher away");
        Assert.Contains($"a header of {MostHeader + 1 + 5}", Assert.Single(said), StringComparison.Ordinal);
    }

    // What decoders begin with, of H.264 in Enhanced RTMP's second track of a kind.
    private static FlvTag Header(byte fill, int size)
    {
        var bytes = new byte[size];
        Array.Fill(bytes, fill);
        return new FlvTag(9, 0, [0x90, .. "avc1"u8, .. bytes]);
    }

    private static int FreePort()
    {
        using var socket = new System.Net.Sockets.TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    private List<FlvTag> Clip() => FlvTag.Make(
        _folder, "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 5 -c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p");

    private void Drain(IFrameSource source)
    {
        while (source.Read(_patience.Token) is { } unit)
            unit.Dispose();
    }

    private static SourceOpener Listen() => new(new VideoSourceOptions
    {
        Input = "rtmp://127.0.0.1:0/live/key?listen=1",
        IsLive = true,
    });
}
