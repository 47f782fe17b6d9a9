using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>A certificate is looked at for every address that an input leads to, and what is no web address is not followed.</summary>
public sealed class UntrustedPiecesTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<TcpListener> _servers = [];

    public void Dispose()
    {
        _servers.ForEach(s => s.Stop());
        _folder.Dispose();
    }

    [Fact]
    public void Playlist_WhosePiecesAreOnAServerThatIsNotTrusted_IsNotPlayed()
    {
        var piece = File.ReadAllBytes(Clip.Make(_folder.File("a.ts"),
            "-f lavfi -i testsrc2=size=64x48:rate=10 -t 1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 5"));
        var asked = 0;
        var secured = Serve(_ =>
        {
            Interlocked.Increment(ref asked);
            return Answer("200 OK", "video/mp2t", piece);
        }, Certificate());
        var plain = Serve(_ => Answer("200 OK", "application/vnd.apple.mpegurl", Encoding.ASCII.GetBytes(
            $"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttps://127.0.0.1:{secured}/a.ts\n#EXT-X-ENDLIST\n")));
        Assert.Throws<MediaException>(() => Read($"http://127.0.0.1:{plain}/live.m3u8"));
        Assert.Equal(0, asked);
    }

    [Fact]
    public void WebAddress_OfAServerThatIsNotTrusted_IsNotRead()
    {
        var asked = 0;
        var secured = Serve(_ =>
        {
            Interlocked.Increment(ref asked);
            return Answer("200 OK", "video/mp4", new byte[1000]);
        }, Certificate());
        Assert.Throws<MediaException>(() => Read($"https://127.0.0.1:{secured}/a.mp4"));
        Assert.Equal(0, asked);
    }

    [Theory]
    [InlineData("file:///etc/passwd", "file:")]
    [InlineData("ftp://127.0.0.1/a.mp4", "ftp:")]
    public void Redirect_ToSomethingThatIsNoWebAddress_IsRefusedByName(string target, string name)
    {
        var server = Serve(_ =>
            Encoding.ASCII.GetBytes($"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        var refused = Assert.Throws<MediaException>(() => Read($"http://127.0.0.1:{server}/a.mp4"));
        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WebAddress_OfAFile_IsReadAsAFile()
    {
        var clip = File.ReadAllBytes(Clip.Pictures(_folder.File("a.mp4"), size: "64x48", frames: 5,
            codec: "-c:v mpeg4 -movflags +faststart"));
        var server = Serve(_ => Answer("200 OK", "video/mp4", clip));
        Assert.Equal(5, Read($"http://127.0.0.1:{server}/a.mp4"));
    }

    private static int Read(string input)
    {
        using var source = MediaSources.Open(new VideoSourceOptions
        {
            Input = input,
            OpenTimeout = TimeSpan.FromSeconds(20),
            StallTimeout = TimeSpan.FromSeconds(20),
        });
        var frames = 0;
        while (source.Read(CancellationToken.None) is { } unit)
        {
            frames += unit is VideoFrame ? 1 : 0;
            unit.Dispose();
        }

        return frames;
    }

    private static byte[] Answer(string status, string type, byte[] body) =>
    [
        .. Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Type: {type}\r\n"
            + $"Content-Length: {body.Length}\r\nConnection: close\r\n\r\n"),
        .. body,
    ];

    private static X509Certificate2 Certificate()
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using var made = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private int Serve(Func<string, byte[]> answer, X509Certificate2? certificate = null)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        _servers.Add(listener);
        _ = Task.Run(async () =>
        {
            while (true)
            {
                TcpClient client;
                try
                {
                    client = await listener.AcceptTcpClientAsync();
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
                {
                    return;
                }

                _ = Task.Run(() => One(client, answer, certificate));
            }
        });
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static async Task One(TcpClient client, Func<string, byte[]> answer, X509Certificate2? certificate)
    {
        using var _ = client;
        try
        {
            Stream stream = client.GetStream();
            if (certificate is not null)
            {
                var tls = new SslStream(stream);
                await tls.AuthenticateAsServerAsync(certificate);
                stream = tls;
            }

            await using (stream)
            {
                var request = new StringBuilder();
                var buffer = new byte[4096];
                while (!request.ToString().Contains("\r\n\r\n", StringComparison.Ordinal))
                {
                    var count = await stream.ReadAsync(buffer);
                    if (count == 0)
                        return;
                    request.Append(Encoding.ASCII.GetString(buffer, 0, count));
                }

                await stream.WriteAsync(answer(request.ToString().Split(' ')[1]));
            }
        }
        catch (Exception e) when (e is IOException or SocketException or System.Security.Authentication.AuthenticationException)
        {
            // It did not like the certificate.
        }
    }
}
