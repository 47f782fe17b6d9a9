using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Testing;
using StreamDiff.Transport.Links;
using StreamDiff.Transport.Links.Sockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Opening;
using Xunit.Abstractions;

namespace StreamDiff.Cli.Tests.Fuzz;

/// <summary>
/// Damaged inputs of every kind that is read, 300 of each here and ten thousand in scripts/fuzz: each is used or refused in one line, in 20
/// seconds and 1 GB, and nothing of it is kept.
/// </summary>
[Collection(nameof(Storm))]
public sealed class FuzzTests(ITestOutputHelper output) : IDisposable
{
    private const int Usual = 300;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("config")]
    [InlineData("sessions")]
    [InlineData("timeline")]
    [InlineData("playing")]
    [InlineData("preset")]
    [InlineData("osc")]
    [InlineData("lora")]
    [InlineData("hosts")]
    [InlineData("secret")]
    [InlineData("control")]
    [InlineData("words")]
    [InlineData("model")]
    [InlineData("manifest")]
    [InlineData("log")]
    [InlineData("safetensors")]
    [InlineData("pickle")]
    [InlineData("calibration")]
    [InlineData("device")]
    [InlineData("heads")]
    [InlineData("keys")]
    public void Text(string kind)
    {
        var (name, original, take) = new FuzzedTexts(_folder).Reader(kind);
        var path = _folder[name];
        new Storm(kind, output.WriteLine).Run(Storm.Count(Usual), seed =>
        {
            var bytes = Mutant.Of(original, seed);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, bytes);
            take(path);
        });
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("mp4", "mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac")]
    [InlineData("mkv", "mkv", "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a flac")]
    [InlineData("ts", "ts", "-c:v mpeg2video -c:a mp2")]
    [InlineData("flv", "flv", "-c:v flv -ar 44100 -c:a libmp3lame")]
    [InlineData("gif", "gif", "-an -c:v gif")]
    [InlineData("png", "png", "-an -c:v png -frames:v 1")]
    [InlineData("jpg", "jpg", "-an -c:v mjpeg -frames:v 1")]
    public void Media(string kind, string extension, string codec)
    {
        var clip = _folder[$"in.{extension}"];
        using (var ffmpeg = Process.Start("ffmpeg",
            [.. "-v error -y -f lavfi -i testsrc2=size=48x32:rate=10 -f lavfi -i sine=sample_rate=48000 -t 0.4".Split(' '),
                .. codec.Split(' '), clip]))
            ffmpeg!.WaitForExit();
        var original = File.ReadAllBytes(clip);
        var path = _folder[$"x.{extension}"];
        new Storm(kind, output.WriteLine).Run(Storm.Count(Usual), seed =>
        {
            File.WriteAllBytes(path, Mutant.Of(original, seed));
            using var source = MediaSources.Open(new VideoSourceOptions { Input = path, DecoderThreads = 1, Width = 32, Height = 32 });
            for (var left = 1000; left > 0 && source.Read(CancellationToken.None) is { } unit; left--)
                unit.Dispose();
        });
    }

    [Fact]
    public void Rtmp()
    {
        using var opener = new SourceOpener(new VideoSourceOptions { Input = "rtmp://127.0.0.1:0/live/key?listen=1" });
        var original = RtmpSession();
        new Storm("rtmp", output.WriteLine).Run(Storm.Count(Usual), seed =>
        {
            using var peer = new TcpClient();
            peer.Connect(IPAddress.Loopback, opener.ListeningPort);
            try
            {
                peer.GetStream().Write(Mutant.Of(original, seed));
                peer.Client.Shutdown(SocketShutdown.Send);
                peer.Client.ReceiveTimeout = 10_000;
                var answer = new byte[8192];
                while (peer.GetStream().Read(answer) > 0)
                {
                }
            }
            catch (Exception e) when (e is IOException or SocketException or InvalidOperationException)
            {
                // Sent away: a peer is told by that.
            }
            throw new IOException("the connection ended");
        });
        UntilOurs(opener, $"flv rtmp://127.0.0.1:{opener.ListeningPort}/live/key");
    }

    // An ordinary sender gets in. What a mutant has published comes first, perhaps, and keeps others out until it is given up.
    private static void UntilOurs(SourceOpener opener, string target)
    {
        using var isRead = new CancellationTokenSource();
        var senders = Task.Run(async () =>
        {
            while (!isRead.IsCancellationRequested)
            {
                using var sender = Process.Start("ffmpeg",
                    ("-v error -re -f lavfi -i testsrc2=size=64x64:rate=10 -t 60 -g 10 -c:v libx264 -preset ultrafast -f "
                        + target).Split(' '))!;
                try
                {
                    await sender.WaitForExitAsync(isRead.Token);
                }
                catch (OperationCanceledException)
                {
                    sender.Kill();
                }
            }
        });
        while (!isRead.IsCancellationRequested)
        {
            try
            {
                using var source = opener.Open(CancellationToken.None);
                if (source.Video.Width == 64 && source.Read(CancellationToken.None) is { } unit)
                {
                    unit.Dispose();
                    isRead.Cancel();
                }
            }
            catch (MediaException)
            {
                // It was none of ours.
            }
        }
        senders.Wait();
    }

    /// <summary>Before a sender is taken: both halves of the handshake (draft-sharabayko-srt, 3.2.1), one of them damaged.</summary>
    [Fact]
    [Trait("Category", "Slow")]
    public void Srt()
    {
        // The address must name a port; one that was free is.
        int port;
        using (var free = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0)))
            port = ((IPEndPoint)free.Client.LocalEndPoint!).Port;
        using var opener = new SourceOpener(new VideoSourceOptions { Input = $"srt://127.0.0.1:{port}?mode=listener&streamid=key" });
        var listener = new IPEndPoint(IPAddress.Loopback, port);
        new Storm("srt", output.WriteLine).Run(Storm.Count(Usual), seed =>
        {
            using var peer = new UdpClient(0, AddressFamily.InterNetwork);
            peer.Client.ReceiveTimeout = 20;
            var isFirst = seed % 3 == 0;
            Send(isFirst ? Mutant.Of(SrtHandshake([]), seed) : SrtHandshake([]));
            byte[] answer = [];
            try
            {
                var from = new IPEndPoint(IPAddress.Any, 0);
                answer = peer.Receive(ref from);
            }
            catch (SocketException)
            {
                // Damaged so that nobody answers, or not within that time.
            }
            if (answer.Length >= 48)
                Send(Mutant.Of(SrtHandshake(answer.AsSpan(44, 4).ToArray()), seed));
            throw new IOException("sent away");

            void Send(byte[] packet) => peer.Send(packet.AsSpan(0, Math.Min(packet.Length, 1456)), listener);
        });
        UntilOurs(opener, $"mpegts srt://127.0.0.1:{port}?streamid=key");
    }

    // A control packet of type 0. Induction without a cookie; a conclusion with it, HSREQ and the stream id (big-endian words).
    private static byte[] SrtHandshake(byte[] cookie)
    {
        var packet = new List<byte>();
        bool isConclusion = cookie.Length > 0;
        Words(0x80000000, 0, 7, 0);
        Words(isConclusion ? 5u : 4u, isConclusion ? 0x00000005u : 2u, 0x1234, 1500, 8192, isConclusion ? 0xffffffffu : 1u, 0x4242);
        packet.AddRange(isConclusion ? cookie : new byte[4]);
        packet.AddRange([1, 0, 0, 127, .. new byte[12]]);
        if (isConclusion)
        {
            Words(0x00010003, 0x00010503, 0x000000bf, 0x00780078);
            Words(0x00050001);
            packet.AddRange("\0yek"u8);
        }
        return [.. packet];

        void Words(params uint[] words)
        {
            foreach (var word in words)
                packet.AddRange([(byte)(word >> 24), (byte)(word >> 16), (byte)(word >> 8), (byte)word]);
        }
    }

    [Fact]
    public async Task Ranks()
    {
        var port = new TaskCompletionSource<int>();
        using var stop = new CancellationTokenSource();
        var rank = Task.Run(() => RankServer.Run(
            new RankServerOptions
            {
                Listen = "127.0.0.1:0",
                Compute = new ComputeOptions { Model = "tiny", Device = DeviceName.Cpu, Type = ComputeType.Float32, Threads = 1 },
            },
            line =>
            {
                if (line.StartsWith("listening at ", StringComparison.Ordinal))
                    port.TrySetResult(int.Parse(line.Split(' ')[2].TrimEnd(':').Split(':')[1],
                        System.Globalization.CultureInfo.InvariantCulture));
            },
            stop.Token));
        var address = $"127.0.0.1:{await port.Task}";
        var identity = RankConnector.IdentityOf(new ModelCatalog().Find("tiny"), TorchSharp.torch.ScalarType.Float32);
        var hello = Encoding.ASCII.GetBytes("SDDH\u0040\0\0\0" + new string('x', 64));
        var options = new LinkOptions { HandshakeTimeout = TimeSpan.FromSeconds(20) };
        new Storm("ranks", output.WriteLine).Run(Storm.Count(Usual), seed =>
        {
            var random = new Random(seed);
            if (random.Next(2) == 0)
            {
                using var peer = new TcpClient();
                peer.Connect(IPEndPoint.Parse(address));
                peer.GetStream().Write(Mutant.Of(hello, seed));
                throw new IOException("sent away");
            }
            using var inbox = new LinkInbox();
            using var link = SocketCaller.Connect(address, options, identity, "fuzz");
            link.Open(inbox);
            for (var n = random.Next(1, 6); n > 0; n--)
                link.Send(Nonsense(random));
        });
        // The same rank still does its work.
        using (var inbox = new LinkInbox())
        using (var link = SocketCaller.Connect(address, options, identity, "a driver"))
        {
            link.Open(inbox);
            link.Send(new LinkMessage(new LinkHeader
            {
                Kind = LinkKind.Assign,
                Epoch = 1,
                Detail = """{"Rank":0,"World":1,"Start":0,"End":1}""",
            }));
            Assert.True(inbox.Take(TimeSpan.FromMinutes(5), out var item));
            using (item.Message)
                Assert.Equal(LinkKind.Ready, item.Message?.Header.Kind);
        }
        await stop.CancelAsync();
        await rank.WaitAsync(TimeSpan.FromMinutes(5));
    }

    private static LinkMessage Nonsense(Random random)
    {
        string?[] details =
        [
            null, "", "{}", "[]", "null", "{\"Start\":0,\"End\":2147483647}", "{\"Starts\":[],\"Blocks\":1}",
                "{\"Starts\":[0],\"Blocks\":-1}",
            "{\"Rank\":0,\"World\":1,\"Start\":0,\"End\":1}", "{\"Rank\":5,\"World\":1,\"Start\":0,\"End\":1}", "{\"Lane\":-1}",
                new string('[', 100),
            "{\"Lanes\":2,\"FrameTokens\":6,\"WindowFrames\":6,\"SinkFrames\":3,\"GridRows\":2,\"GridColumns\":3,\"Shift\":5}",
            "{\"Lanes\":2000000000,\"FrameTokens\":6,\"WindowFrames\":6,\"SinkFrames\":3,\"GridRows\":2,\"GridColumns\":3,\"Shift\":5}",
        ];
        long[] shape = [.. Enumerable.Range(0, random.Next(0, 6)).Select(_ => (long)random.Next(0, 8))];
        return new LinkMessage(
            new LinkHeader
            {
                Kind = (LinkKind)random.Next(0, 34),
                Epoch = random.Next(-1, 3),
                Pool = random.Next(-1, 3),
                Tick = random.Next(3) switch { 0 => long.MaxValue, 1 => -1, _ => random.Next(4) },
                Rows = [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => new LinkRow(
                    random.Next(-1, 3), random.Next(-1, 5), random.Next(-1, 5), random.Next(-1, 5), random.NextDouble() * 2000 - 500,
                        random.Next(-1, 3),
                    random.Next(2) == 0 ? null : double.NaN, random.Next(2) == 0 ? null : random.Next(-1, 9), random.Next(-1, 3),
                        random.Next(-1, 3)))],
                Detail = details[random.Next(details.Length)],
            },
            [.. Enumerable.Range(0, random.Next(0, 3)).Select(_ => Filled((ElementType)random.Next(1, 7), shape))]);
    }

    private static HostPayload Filled(ElementType type, long[] shape)
    {
        var payload = new HostPayload(type, shape);
        payload.Memory.Span.Clear();
        return payload;
    }

    // Handshake, connect, createStream, publish, then a little of everything.
    private static byte[] RtmpSession()
    {
        var bytes = new List<byte> { 3 };
        bytes.AddRange(new byte[2 * 1536]);
        bytes.AddRange(Command(Text("connect"), Number(1), [3, .. Name("app"), .. Text("live"), 0, 0, 9]));
        bytes.AddRange(Command(Text("createStream"), Number(2), [5]));
        bytes.AddRange(Command(Text("publish"), Number(3), [5], Text("key"), Text("live")));
        bytes.AddRange(Chunk(4, 18, [.. Text("@setDataFrame"), .. Text("onMetaData"), 8, 0, 0, 0, 1, .. Name("width"), .. Number(64), 0,
            0, 9]));
        for (var i = 0; i < 20; i++)
            bytes.AddRange(Chunk(6, (byte)(8 + i % 2), [.. Enumerable.Range(0, 100).Select(n => (byte)(n * i))]));
        return [.. bytes];

        static byte[] Name(string text) => [0, (byte)text.Length, .. Encoding.ASCII.GetBytes(text)];
        static byte[] Text(string text) => [2, .. Name(text)];
        static byte[] Number(double value) => [0, .. BitConverter.GetBytes(value).Reverse()];
        static byte[] Command(params byte[][] values) => Chunk(3, 20, [.. values.SelectMany(v => v)]);
        static byte[] Chunk(byte stream, byte type, byte[] payload)
        {
            List<byte> chunk = [stream, 0, 0, 0, 0, 0, (byte)payload.Length, type, 1, 0, 0, 0];
            for (var at = 0; at < payload.Length; at += 128)
            {
                if (at > 0)
                    chunk.Add((byte)(0xc0 | stream));
                chunk.AddRange(payload.AsSpan(at, Math.Min(128, payload.Length - at)).ToArray());
            }
            return [.. chunk];
        }
    }
}
