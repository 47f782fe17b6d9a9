using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>What is printed of addresses.</summary>
public sealed class AddressSecretsTests
{
    private const string Secret = "S3cr3t-Xyz";

    [Theory]
    [InlineData("rtmp://user:S3cr3t-Xyz@host/app/other")]
    [InlineData("http://user:S3cr3t-Xyz@host/live.m3u8")]
    [InlineData("https://S3cr3t-Xyz@host/live.m3u8")]
    [InlineData("http://us@er:S3cr3t-Xyz@host/live.m3u8")]
    [InlineData("rtsp://user:S3cr3t-Xyz@host:554/stream")]
    [InlineData("ftp://user:S3cr3t-Xyz@host/a.mp4")]
    [InlineData("https://host/a.ts?auth=S3cr3t-Xyz")]
    [InlineData("https://host/a.ts?sig=S3cr3t-Xyz&size=1")]
    [InlineData("https://host/a.m3u8?token=S3cr3t-Xyz")]
    [InlineData("https://host/a.m3u8?X-Amz-Signature=S3cr3t-Xyz")]
    [InlineData("https://host/a.m3u8?S3cr3t-Xyz")]
    [InlineData("https://host/a.m3u8#S3cr3t-Xyz")]
    [InlineData("rtmp://host/S3cr3t-Xyz")]
    [InlineData("rtmp://host/app/S3cr3t-Xyz")]
    [InlineData("rtmp://host/app/instance/S3cr3t-Xyz")]
    [InlineData("rtmp://host:1935/app/S3cr3t-Xyz?backup=1")]
    [InlineData("RTMP://host/app/S3cr3t-Xyz")]
    [InlineData("rtmps://host/app/S3cr3t-Xyz")]
    [InlineData("rtmp://host/app/other?listen=1&auth=S3cr3t-Xyz")]
    [InlineData("rtmp://host/app/other pubUser=me pubPasswd=S3cr3t-Xyz")]
    [InlineData("srt://host:9000?passphrase=S3cr3t-Xyz&latency=20000")]
    [InlineData("srt://host:9000?streamid=S3cr3t-Xyz")]
    [InlineData("rtmp:/host/app/S3cr3t-Xyz")]
    [InlineData("rtmp//host/app/S3cr3t-Xyz")]
    public void Shown_AndEveryTextWithIt_LeavesTheSecretOut(string address)
    {
        var parsed = MediaAddress.Parse(address);
        if (parsed.Kind != MediaKind.File)
        {
            Assert.DoesNotContain(Secret, parsed.Shown, StringComparison.Ordinal);
            Assert.DoesNotContain(Secret, $"{parsed}", StringComparison.Ordinal);
        }

        foreach (var text in (string[])[address, $"Input '{address}' is gone.", $"input: \"{address}\"  # run.yaml:1",
            $"{{\"a\":\"{address}\"}}"])
        {
            Assert.DoesNotContain(Secret, AddressSecrets.Hide(text), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("rtmp://0.0.0.0:1935/live?listen=1")]
    [InlineData("srt://127.0.0.1:9000?mode=listener&latency=20000")]
    [InlineData("udp://239.0.0.1:5000?pkt_size=1316")]
    [InlineData("https://host/live/a.m3u8")]
    [InlineData("http://127.0.0.1:8080/a.mp4")]
    [InlineData("v4l2:/dev/video0?size=1280x720&rate=30")]
    [InlineData("test:testsrc2?size=64x64&duration=1")]
    public void Shown_WithoutSecrets_IsWhole(string address)
    {
        Assert.Equal(address, MediaAddress.Parse(address).Shown);
        Assert.Equal($"Input '{address}' is gone.", AddressSecrets.Hide($"Input '{address}' is gone."));
    }

    [Theory]
    [InlineData("write rtmp://0.0.0.0:1935/live/key?listen=1.")]
    [InlineData("frames=30, size=64x64: 1/2 done")]
    [InlineData("")]
    public void Hide_OtherText_IsLeftAlone(string text) => Assert.Equal(text, AddressSecrets.Hide(text));
}
