using System.Buffers.Binary;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Browser;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;
using Command = StreamDiff.Transport.Tests.Support.CommandLine;

namespace StreamDiff.Transport.Tests.Media.Browser;

/// <summary>What browsers are given, read by FFmpeg; and what they send, made by FFmpeg as a browser would.</summary>
public sealed class BrowserMediaTests : IDisposable
{
    private const int Frames = 30;
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Viewer_GetsH264WithoutBFrames_ThatFfmpegDecodesFrameByFrame_AndOpus()
    {
        var relay = new PacketRelay();
        var streams = LiveSinks.StreamsOfViewers(new LiveSinkOptions { Output = "viewers", Width = 96, Height = 64 });
        void Give(EncodedUnit unit)
        {
            relay.Send(unit);
            unit.Dispose();
        }

        using var pictures = new LiveEncoder(streams.Pictures, Give);
        using var sound = new LiveEncoder(streams.Sound!, Give);
        relay.Begin(pictures.Format(new SoundFormat("opus", SoundBlock.Rate, SoundBlock.Channels)));
        using var viewer = relay.Join();
        // Not more than may wait for a viewer.
        const int Shown = 14;
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, 96, 64);
        for (var number = 10; number < 10 + Shown; number++)
        {
            frame.Pixels.Fill((byte)(8 * number));
            pictures.Write(frame, number, relay.TakesKey());
            sound.Write(new SoundBlock(number * 1600L, new float[3200]));
        }

        relay.End();
        var (formats, packets) = await All(viewer);
        var format = Assert.Single(formats);
        Assert.StartsWith("avc1.", format.Codec, StringComparison.Ordinal);
        Assert.Equal((96, 64, 48_000), (format.Width, format.Height, format.Sound!.SampleRate));
        var frames = packets.Where(p => p.Kind != PacketKind.Sound).ToList();
        Assert.Equal(Shown, frames.Count);
        Assert.Equal(PacketKind.Key, frames[0].Kind);
        Assert.All(frames.Select((p, i) => p.Time - ((10 + i) * 1_000_000L / 30)), late => Assert.InRange(late, -1, 1));
        Assert.InRange(packets.Count(p => p.Kind == PacketKind.Sound), 20, 24);
        File.WriteAllBytes(_folder.File("a.h264"), [.. frames.SelectMany(p => p.Data.ToArray())]);
        Assert.Equal("0", Probe.Stream(_folder.File("a.h264"), "v", "has_b_frames"));
        Assert.Equal(Shown * 96 * 64 * 3, Probe.Decoded(_folder.File("a.h264")).Length);
    }

    [Theory]
    [InlineData("vp8", "libvpx -deadline realtime -cpu-used 8 -lag-in-frames 0", "ivf")]
    [InlineData("vp09.00.10.08", "libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0", "ivf")]
    [InlineData("av01.0.00M.08", "libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0", "ivf")]
    public async Task Source_GivesWhatABrowserSends_AndItsNextComing(string codec, string encoder, string container)
    {
        var file = _folder.File("a." + container);
        var picture = $"-f lavfi -i testsrc2=size=96x64:rate=30 -frames:v {Frames} -pix_fmt yuv420p -g 10 -c:v {encoder}";
        Command.Run("ffmpeg", ["-v", "error", .. picture.Split(' '), file]);
        using var input = new BrowserInput();
        using var opener = new SourceOpener(new VideoSourceOptions { Input = "browser:", OpenTimeout = TimeSpan.FromMinutes(2) }, input);
        for (var coming = 0; coming < 2; coming++)
        {
            var sending = Send(input, new StreamFormat(codec, 96, 64, 30, null), IvfPackets(file));
            using var source = opener.Open(default);
            Assert.Equal((96, 64), source.Video.CodedSize);
            var times = new List<double>();
            while (source.Read(default) is { } unit)
            {
                using (unit)
                {
                    times.Add(source.Video.TimeBase.ToTime(unit.Pts).TotalSeconds);
                }
            }

            await sending;
            Assert.Equal(Frames, times.Count);
            Assert.Equal((Frames - 1) / 30.0, times[^1], 0.02);
        }
    }

    [Fact]
    public void Input_WithABrowserThatSends_RefusesAnother_ButTheSameOneComesAgain()
    {
        using var input = new BrowserInput();
        var format = new StreamFormat("vp8", 96, 64, 30, null);
        var first = input.Connect(format, "one");
        Assert.Throws<MediaException>(() => input.Connect(format, "two"));
        var again = input.Connect(format, "one");
        Assert.True(first.Ended.IsCancellationRequested);
        Assert.False(again.Ended.IsCancellationRequested);
        // The old connection ends later: it does not take the place of the new one away.
        input.Leave(first);
        Assert.True(input.IsPublishing);
        input.Leave(again);
        Assert.False(input.IsPublishing);
        _ = input.Connect(format, "two");
    }

    [Theory]
    [InlineData("hvc1.1.6.L93", 96, 64, 48_000, 2)]
    [InlineData("", 96, 64, 48_000, 2)]
    [InlineData("vp8", 0, 64, 48_000, 2)]
    [InlineData("vp8", 96, 100_000, 48_000, 2)]
    [InlineData("vp8", 96, 64, 44_100, 2)]
    [InlineData("vp8", 96, 64, 48_000, 6)]
    [InlineData("avc1.42E01F", 96, 64, 48_000, 2)]
    public void Input_OfAFormatThatCannotBeTaken_IsRefused(string codec, int width, int height, int rate, int channels)
    {
        using var input = new BrowserInput();
        Assert.Throws<MediaException>(
            () => input.Connect(new StreamFormat(codec, width, height, 30, new SoundFormat("opus", rate, channels)), "one"));
        Assert.False(input.IsPublishing);
    }

    [Fact]
    public void Address_WithoutAPage_IsRefusedInOneLine()
    {
        var error = Assert.Throws<MediaException>(() => new SourceOpener(new VideoSourceOptions { Input = "browser:" }));
        Assert.Contains("streamdiff studio", error.Message, StringComparison.Ordinal);
        var options = new LiveSinkOptions { Output = "browser:", Width = 160, Height = 96 };
        Assert.Contains(
            "is an input", Assert.Throws<MediaException>(() => LiveSinks.Check(options)).Message, StringComparison.Ordinal);
    }

    private static async Task<(List<StreamFormat> Formats, List<EncodedPacket> Packets)> All(PacketReader viewer)
    {
        var (formats, packets) = (new List<StreamFormat>(), new List<EncodedPacket>());
        while (await viewer.ReadAsync(default) is { } item)
        {
            if (item.Unit is { } unit)
            {
                packets.Add(unit.Message);
                unit.Dispose();
            }
            else
            {
                formats.Add(item.Format!);
            }
        }

        return (formats, packets);
    }

    private static async Task Send(BrowserInput input, StreamFormat format, List<EncodedPacket> packets)
    {
        var publisher = input.Connect(format, "test");
        foreach (var packet in packets)
        {
            await publisher.SendAsync(packet);
        }

        input.Leave(publisher);
        await publisher.CompleteAsync();
    }

    // An IVF file: 32 bytes, then for each packet its size (4), its time in frames (8) and its data.
    private static List<EncodedPacket> IvfPackets(string file)
    {
        var bytes = File.ReadAllBytes(file).AsMemory(32);
        var packets = new List<EncodedPacket>();
        while (bytes.Length > 0)
        {
            var size = BinaryPrimitives.ReadInt32LittleEndian(bytes.Span);
            var time = BinaryPrimitives.ReadInt64LittleEndian(bytes.Span[4..]) * 1_000_000 / 30;
            var kind = packets.Count % 10 == 0 ? PacketKind.Key : PacketKind.Delta;
            packets.Add(EncodedPacket.Of(kind, 5_000_000 + time, 33_333, bytes.Span.Slice(12, size)));
            bytes = bytes[(12 + size)..];
        }

        return packets;
    }
}
