using System.Net;
using System.Net.Sockets;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Rtmp;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>
/// Damaged bytes from the network: 300 inputs of each kind, thousands where there is time; no crash, no hang, nothing kept.
/// </summary>
public sealed class ReceivedBytesFuzzTests
{
    private const string Tiny = "-f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=sample_rate=48000 -t 0.4 -c:v libx264 -preset "
        + "ultrafast -tune zerolatency -pix_fmt yuv420p -g 4 -c:a aac";
    private static readonly VideoSourceOptions Options = new()
    {
        Input = "rtmp://fuzz/live/key",
        Width = 32,
        Height = 32,
        DecoderThreads = 1,
        StallTimeout = TimeSpan.FromSeconds(5),
        OpenTimeout = TimeSpan.FromSeconds(5),
    };

    private const int Some = 300;
    private const int Many = 5000;

    [Fact]
    public Task Rtmp_MutatedSession_EndsInOrder() => Rtmp(Some);

    [Fact]
    [Trait("Category", "Slow")]
    public Task Rtmp_FiveThousandMutatedSessions_EndInOrder() => Rtmp(Many);

    [Fact]
    public Task TransportStream_Mutated_EndsInOrder() => TransportStream(Some);

    [Fact]
    [Trait("Category", "Slow")]
    public Task TransportStream_FiveThousandMutated_EndInOrder() => TransportStream(Many);

    private static async Task Rtmp(int count)
    {
        var session = await RecordRtmp();
        var (opened, refused) = await Run(count, session, async bytes =>
        {
            using var publisher = new RtmpPublisher();
            var publishing = new RtmpPublishing(
                new DuplexStream(new MemoryStream(bytes), Stream.Null), (app, key) => app == "live" && key is null or "key");
            await publishing.NegotiateAsync(CancellationToken.None);
            await publishing.AcceptAsync(CancellationToken.None);
            var pump = Task.Run(() => publisher.PumpAsync(publishing, TimeSpan.FromSeconds(5)));
            try
            {
                ReadAll("flv", publisher);
            }
            finally
            {
                publisher.Dispose();
                await Quietly(pump);
            }
        });
        Assert.True(opened > count / 10, $"{opened} opened, {refused} refused");
        Assert.True(refused > count / 10, $"{opened} opened, {refused} refused");
    }

    private static async Task TransportStream(int count)
    {
        using var folder = new TempFolder();
        var clip = File.ReadAllBytes(Clip.Make(folder.File("in.ts"), Tiny + " -omit_video_pes_length 0"));
        var (opened, refused) = await Run(count, clip, bytes =>
        {
            ReadAll("mpegts", new Bytes(bytes));
            return Task.CompletedTask;
        });
        Assert.True(opened > count / 10, $"{opened} opened, {refused} refused");
    }

    // A mutation changes, cuts, repeats, moves or fills a few places; the seed is the number, so each input can be made again.
    private static byte[] Mutate(byte[] original, int seed)
    {
        var random = new Random(seed);
        var bytes = original.ToArray();
        for (var n = random.Next(1, 6); n > 0; n--)
        {
            var at = random.Next(bytes.Length);
            var length = Math.Min(random.Next(1, 200), bytes.Length - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    bytes = [.. bytes[..at], .. bytes[(at + length)..]];
                    break;
                case 3:
                    bytes = [.. bytes[..(at + length)], .. bytes[at..]];
                    break;
                case 4:
                    Array.Fill(bytes, (byte)(random.Next(2) * 255), at, length);
                    break;
                default:
                    random.NextBytes(bytes.AsSpan(at, length));
                    break;
            }

            if (bytes.Length == 0)
            {
                return [0];
            }
        }

        return bytes;
    }

    private static async Task<(int Opened, int Refused)> Run(int count, byte[] original, Func<byte[], Task> read)
    {
        var (opened, refused) = (0, 0);
        for (var seed = 0; seed < count; seed++)
        {
            try
            {
                await read(Mutate(original, seed)).WaitAsync(TimeSpan.FromMinutes(2));
                opened++;
            }
            catch (Exception error) when (error is MediaException or IOException)
            {
                refused++;
            }
            catch (Exception error)
            {
                Assert.Fail($"input {seed}: {error}");
            }
        }

        return (opened, refused);
    }

    private static void ReadAll(string format, IByteSource bytes)
    {
        var settings = LiveInputSettings.For(MediaAddress.Parse("udp://127.0.0.1:1"));
        using var pool = new FramePool();
        var options = Options with { Pool = pool };
        using (var source = new LiveSource(
            options,
            format == "flv" ? new RtmpPackets(bytes, null)
                : InputFile.Open(options, new LiveInput(settings, bytes), CancellationToken.None),
            mayWait: true, waiting: null, CancellationToken.None))
        {
            using var sound = source.Audio is { } audio ? new SoundReader(audio) : null;
            while (source.Read(CancellationToken.None) is { } unit)
            {
                using (unit)
                {
                    if (unit is AudioPacket packet)
                    {
                        _ = sound?.Read(packet);
                    }
                }
            }
        }

        Assert.Equal(0, pool.Outstanding);
    }

    private static async Task Quietly(Task pump)
    {
        try
        {
            await pump;
        }
        catch (Exception error) when (error is IOException or OperationCanceledException)
        {
            // That is what the damaged bytes lead to.
        }
    }

    private static async Task<byte[]> RecordRtmp()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var sender = Peer.Ffmpeg($"{Tiny} -f flv rtmp://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/live/key");
        using var client = await listener.AcceptTcpClientAsync();
        var recorded = new MemoryStream();
        var publishing = new RtmpPublishing(new DuplexStream(new Recorder(client.GetStream(), recorded), client.GetStream()),
            (app, key) => app == "live" && key is null or "key");
        await publishing.NegotiateAsync(CancellationToken.None);
        await publishing.AcceptAsync(CancellationToken.None);
        while (await publishing.NextAsync(CancellationToken.None) is not null)
        {
        }

        return recorded.ToArray();
    }

    private sealed class Bytes(byte[] bytes) : IByteSource
    {
        private int _position;

        public int Read(Span<byte> buffer, TimeSpan patience)
        {
            var count = Math.Min(buffer.Length, bytes.Length - _position);
            bytes.AsSpan(_position, count).CopyTo(buffer);
            _position += count;
            return count;
        }

        public void Dispose()
        {
        }
    }

    private sealed class Recorder(Stream input, MemoryStream copy) : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await input.ReadAsync(buffer, cancellationToken);
            copy.Write(buffer.Span[..count]);
            return count;
        }
    }
}
