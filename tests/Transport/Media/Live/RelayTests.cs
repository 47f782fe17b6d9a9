using System.Net;
using System.Net.Sockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Media.Relay;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Packets that a front receives and passes on.</summary>
public sealed class RelayTests : IDisposable
{
    private const string Token = "s3cret";
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(1));

    public void Dispose() => _patience.Dispose();

    [Theory]
    [InlineData("rtmp", "flv")]
    [InlineData("srt", "mpegts")]
    public void Relay_ReaderThatComesLate_BeginsAtTheLastKeyFrame_AndThePublisherNoticesNothing(string scheme, string format)
    {
        var port = FreePort(scheme);
        using var relay = new RelayPort(new IPEndPoint(IPAddress.Loopback, 0), Token);
        var isRtmp = scheme == "rtmp";
        relay.Add("show", MediaAddress.Parse(
            isRtmp ? $"rtmp://127.0.0.1:{port}/live/key?listen=1" : $"srt://127.0.0.1:{port}?mode=listener"), _ => { });
        // One key frame, at the beginning: whoever could not go back to it would never see anything.
        using var sender = Peer.Sender(
            isRtmp ? $"rtmp://127.0.0.1:{port}/live/key" : $"srt://127.0.0.1:{port}", format, seconds: 20,
            more: "-c:a aac -g 10000");
        var address = $"relay://127.0.0.1:{relay.EndPoint.Port}/show?token={Token}";
        using (var first = new SourceOpener(Live(address)))
        using (var source = first.Open(_patience.Token))
            Assert.True(Frames(source, 10));

        using var second = new SourceOpener(Live($"relay://127.0.0.1:{FreePort("rtmp")},{address["relay://".Length..]}"));
        using var again = second.Open(_patience.Token);
        Assert.True(Frames(again, 20));
        Assert.True(relay.HasPublisher("show"));
    }

    [Fact]
    public void Relay_WrongToken_GivesNothing_AndNoSecretIsShown()
    {
        using var relay = new RelayPort(new IPEndPoint(IPAddress.Loopback, 0), Token);
        using var socket = new TcpClient("127.0.0.1", relay.EndPoint.Port);
        socket.GetStream().Write("SDRELAY1 wrong show\n"u8);
        Assert.Equal(-1, socket.GetStream().ReadByte());
        var address = MediaAddress.Parse($"relay://127.0.0.1:1/show?token={Token}");
        Assert.DoesNotContain(Token, address.Shown, StringComparison.Ordinal);
        Assert.Contains("relay://HOST:PORT/NAME", Assert.Throws<MediaException>(() => SourceOpener.Check("relay://host/show")).Message,
            StringComparison.Ordinal);
    }

    private bool Frames(IFrameSource source, int count)
    {
        while (count > 0 && source.Read(_patience.Token) is { } unit)
        {
            count -= unit is VideoFrame ? 1 : 0;
            unit.Dispose();
        }

        return count == 0;
    }

    private static VideoSourceOptions Live(string input) => new() { Input = input, StallTimeout = TimeSpan.FromSeconds(5), IsLive = true };

    private static int FreePort(string scheme)
    {
        using var socket = new Socket(
            AddressFamily.InterNetwork, scheme == "srt" ? SocketType.Dgram : SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
