using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>Tracks that appear, change and go while an input is read.</summary>
public sealed class LiveTracksTests : IDisposable
{
    private const string H264 = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 30";
    private const string Tone = "-f lavfi -i sine=frequency=440:sample_rate=48000";
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));
    private readonly TempFolder _folder = new();

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Rtmp_PicturesThreeSecondsAfterSound_ThePublisherIsKept()
    {
        var (pictures, sound) = (Pictures(2), Sound(5));
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(sound.Where(t => t.Time < 3000));
        Assert.False(_patience.Token.WaitHandle.WaitOne(500));
        Assert.True(sender.IsConnected);
        sender.Send(Merge(pictures.Select(t => t with { Time = t.Time + 3000 }), sound.Where(t => t.Time >= 3000)));
        sender.Finish();
        var read = Read(opener);
        Assert.Equal(60, read.Frames);
        Assert.InRange(read.Sound.TotalSeconds, 1.8, 2.6);
    }

    [Fact]
    public void Rtmp_SoundTwoSecondsAfterPictures_IsHeard()
    {
        var (pictures, sound) = (Pictures(5), Sound(3));
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Merge(pictures, sound.Select(t => t with { Time = t.Time + 2000 })));
        sender.Finish();
        var read = Read(opener);
        Assert.Equal(150, read.Frames);
        Assert.Equal(["aac"], read.Codecs);
        Assert.InRange(read.Sound.TotalSeconds, 2.8, 3.2);
    }

    [Fact]
    public void Rtmp_SoundGoesAndComesBackAsAnother_BothAreHeard()
    {
        var pictures = Pictures(6);
        var other = FlvTag.Make(_folder, "-f lavfi -i sine=frequency=440:sample_rate=44100 -t 2 -c:a libmp3lame");
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Merge(pictures, [.. Sound(2), .. other.Select(t => t with { Time = t.Time + 4000 })]));
        sender.Finish();
        var read = Read(opener);
        Assert.Equal(180, read.Frames);
        Assert.Equal(["aac", "mp3"], read.Codecs);
        Assert.InRange(read.Sound.TotalSeconds, 3.7, 4.2);
    }

    [Fact]
    public void Rtmp_PicturesGoOnAsOthers_AllAreShown()
    {
        var others = FlvTag.Make(_folder, "-f lavfi -i testsrc2=size=160x96:rate=30 -t 2 -c:v flv1");
        var larger = FlvTag.Make(_folder, $"-f lavfi -i testsrc2=size=640x384:rate=30 -t 2 {H264}");
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Pictures(2));
        sender.Send(larger, shift: 2000);
        sender.Send(others, shift: 4000);
        sender.Finish();
        var read = Read(opener);
        Assert.Equal(180, read.Frames);
        Assert.InRange(read.LastFrame.TotalSeconds, 5.9, 6.05);
    }

    [Theory]
    [InlineData("-c:v libx265 -preset ultrafast -x265-params log-level=0:bframes=3", "hvc1", "-c:a libopus", "Opus", "opus")]
    [InlineData("-c:v libx265 -preset ultrafast -tune zerolatency -x265-params log-level=0", "hvc1", "-c:a aac", "mp4a", "aac")]
    [InlineData("-c:v libaom-av1 -cpu-used 8 -usage realtime", "av01", "-c:a flac", "fLaC", "flac")]
    [InlineData("-c:v libvpx-vp9 -deadline realtime -cpu-used 8", "vp09", "-c:a ac3", "ac-3", "ac3")]
    [InlineData(H264, "avc1", "-c:a libmp3lame", ".mp3", "mp3")]
    public void EnhancedRtmp_EveryCodec_IsSeenAndHeard(string pictures, string letters, string sound, string soundLetters, string name)
    {
        var seen = EnhancedRtmp.Make(_folder, $"-f lavfi -i testsrc2=size=320x192:rate=30 -t 2 {pictures}", letters);
        var heard = EnhancedRtmp.Make(_folder, $"{Tone} -t 2 {sound}", soundLetters);
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Merge(seen, heard));
        sender.Finish();
        var read = Read(opener);
        Assert.InRange(read.Frames, 59, 60);
        Assert.Equal([name], read.Codecs);
        Assert.InRange(read.Sound.TotalSeconds, 1.8, 2.1);
    }

    [Fact]
    public void EnhancedRtmp_SeveralTracks_TheFirstOfEachIsTaken()
    {
        var one = EnhancedRtmp.Make(_folder, $"-f lavfi -i testsrc2=size=320x192:rate=30 -t 2 {H264}", "avc1", 0);
        var other = EnhancedRtmp.Make(_folder, $"-f lavfi -i testsrc2=size=160x96:rate=30 -t 2 {H264}", "avc1", 1);
        var sound = EnhancedRtmp.Make(_folder, $"{Tone} -t 2 -c:a aac", "mp4a", 0);
        var second = EnhancedRtmp.Make(_folder, $"{Tone} -t 2 -c:a libopus", "Opus", 1);
        using var opener = Listen();
        using var sender = new RtmpSender(opener.ListeningPort);
        sender.Send(Merge(Merge(one, other), Merge(sound, second)));
        sender.Finish();
        var read = Read(opener);
        Assert.Equal(60, read.Frames);
        Assert.Equal(["aac"], read.Codecs);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("udp")]
    [InlineData("srt")]
    public async Task TransportStream_TracksComeChangeAndGo_AllAreRead(string protocol)
    {
        var port = FreePort.Udp();
        // Pictures alone; with sound; other pictures with other sound; pictures alone again.
        byte[] stream =
        [
            .. Piece(0, H264, "-an"),
            .. Piece(1, H264, "-c:a mp2"),
            .. Piece(2, "-c:v mpeg2video -bf 0 -g 30 -mpegts_start_pid 512", "-c:a aac"),
            .. Piece(3, H264, "-an"),
        ];
        // SRT throws away what comes later than its latency: on a busy machine that is a lot.
        var input = protocol == "udp" ? $"udp://127.0.0.1:{port}" : $"srt://127.0.0.1:{port}?mode=listener&latency=3000000";
        var output = protocol == "udp" ? $"udp://127.0.0.1:{port}?pkt_size=1316"
            : $"srt://127.0.0.1:{port}?mode=caller&latency=3000000&connect_timeout=60000&pkt_size=1316";
        var reading = Task.Run(() =>
        {
            using var source = MediaSources.Open(Live(input), _patience.Token);
            return Heard.Of(source, _patience.Token);
        });
        while (!reading.IsCompleted)
        {
            // Over UDP nobody knows when it listens: the whole is sent again until it does.
            using var sender = new ByteSender(output);
            foreach (var datagram in stream.Chunk(1316))
            {
                sender.Send(datagram);
                Assert.False(_patience.Token.WaitHandle.WaitOne(1));
            }

            _ = await Task.WhenAny(reading, Task.Delay(TimeSpan.FromSeconds(15)));
        }

        var read = await reading;
        Assert.Equal(["mp3", "aac"], read.Codecs);
        // Datagrams get lost on a busy machine, and with each the pictures up to the next key frame.
        Assert.InRange(read.Frames, 100, 240);
        Assert.InRange(read.LastFrame.TotalSeconds, 6, 8.1);
        Assert.InRange(read.Sound.TotalSeconds, 2, 4.2);
    }

    private byte[] Piece(int number, string pictures, string sound)
    {
        var file = _folder.File($"{number}.ts");
        CommandLine.Run("ffmpeg",
            [.. $"-v error -f lavfi -i testsrc2=size=320x192:rate=30 {Tone} -t 2 {pictures} {sound} -output_ts_offset {2 * number} "
                .Split(' ', StringSplitOptions.RemoveEmptyEntries),
                .. $"-muxdelay 0 -muxpreload 0 -tables_version {number} -f mpegts {file}".Split(' ')]);
        return File.ReadAllBytes(file);
    }

    private List<FlvTag> Pictures(int seconds) =>
        FlvTag.Make(_folder, $"-f lavfi -i testsrc2=size=320x192:rate=30 -t {seconds} {H264}");

    private List<FlvTag> Sound(int seconds) => FlvTag.Make(_folder, $"{Tone} -t {seconds} -c:a aac");

    private static IEnumerable<FlvTag> Merge(IEnumerable<FlvTag> one, IEnumerable<FlvTag> other) =>
        one.Concat(other).OrderBy(t => t.Time);

    private static SourceOpener Listen() => new(Live("rtmp://127.0.0.1:0/live/key?listen=1"));

    private static VideoSourceOptions Live(string input) => new() { Input = input, StallTimeout = TimeSpan.FromSeconds(5) };

    private Heard Read(SourceOpener opener)
    {
        using var source = opener.Open(_patience.Token);
        return Heard.Of(source, _patience.Token);
    }
}

/// <summary>What was seen and heard of a source, to its end.</summary>
internal sealed record Heard(int Frames, TimeSpan LastFrame, List<string> Codecs, TimeSpan Sound)
{
    public static Heard Of(IFrameSource source, CancellationToken ct)
    {
        var (frames, last, samples) = (0, TimeSpan.MinValue, 0L);
        var codecs = new List<string>();
        AudioStreamInfo? track = null;
        SoundReader? reader = null;
        while (source.Read(ct) is { } unit)
        {
            using (unit)
            {
                if (unit is VideoFrame frame)
                {
                    var time = source.Video.TimeBase.ToTime(frame.Pts);
                    Assert.True(time > last, $"frame {frames} at {time} after {last}");
                    (frames, last) = (frames + 1, time);
                    continue;
                }

                var packet = (AudioPacket)unit;
                if (packet.Track != track)
                {
                    track = packet.Track!;
                    codecs.Add(track.Codec);
                    reader?.Dispose();
                    reader = new SoundReader(track);
                }

                samples += reader!.Read(packet).Sum(b => (long)b.Count);
            }
        }

        reader?.Dispose();
        return new Heard(frames, last, codecs, TimeSpan.FromSeconds((double)samples / SoundBlock.Rate));
    }
}
