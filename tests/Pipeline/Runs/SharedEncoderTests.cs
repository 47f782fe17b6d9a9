using Microsoft.Extensions.Time.Testing;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Encoded;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Media.Playlists;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Outputs that want the same pictures get them from one encoder, each from its own first frame on.</summary>
public sealed class SharedEncoderTests : LiveRunTest
{
    private const int Rate = 30;

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Run_RecordingsAndAPeerThatGoesAndComesBack_ShareOneEncoder_AndShowTheSamePixels()
    {
        var port = Port();
        // One with its headers in front, one with them in its key frames, and one of pieces.
        string[] files = [Folder.File("a.mp4"), Folder.File("b.ts"), Folder.File("c.avi")];
        var playlist = Folder.File("live.m3u8");
        var running = Task.Run(() => Run("test:testsrc2?size=320x192&rate=30&duration=600",
            string.Join('\n', [.. files, $"rtmp://127.0.0.1:{port}/live/k", $"hls:{playlist}"])));
        OutputStatus? Peer() => Statuses.LastOrDefault()?.Outputs[3];
        using (Receiver(port, "gone.flv"))
        {
            WaitFor(() => Peer()?.Sent > 2 * Rate, "nothing was sent to the first peer");
            WaitFor(() => File.Exists(Folder.File("gone.flv")) && Hashes(Folder.File("gone.flv"), isTorn: true).Count >= Rate,
                "nothing came to the first peer");
        }
        WaitFor("lost");
        var sent = Peer()!.Sent;
        using var again = Receiver(port, "again.flv");
        WaitFor(() => Peer()?.Sent > sent + 4 * Rate, "nothing was sent to the second peer");
        await Stop.CancelAsync();
        var status = (await running).Status;

        // An encoder that does not keep up leaves pictures out for all of them; what one output left out the pixels below would show.
        Assert.All(status.Outputs, o => Assert.Equal(1, o.Encoder));
        Assert.Equal([0, 0, 0, 1, 0], status.Outputs.Select(o => o.Reopened));
        // The pictures', and the sound's of all but the one that old players take.
        Assert.Equal(3, status.Encoders.Count);
        var pictures = status.Encoders.Single(e => e.Name.StartsWith("libx264 320x192 at 30 fps", StringComparison.Ordinal));
        Assert.Equal(status.Outputs.Select(o => o.Name).Order(), pictures.Outputs.Order());
        Assert.InRange(pictures.Made, status.Outputs.Max(o => o.Sent), status.FramesOut);
        Assert.Equal(
            pictures.Outputs.Where(o => o != files[2]).Order(), status.Encoders.Single(e => e.Name == "aac, 160 kb/s").Outputs.Order());
        Assert.All(status.Encoders, e => Assert.True(e.Made > Rate));

        again.WaitForEnd();
        var whole = Hashes(files[0]);
        Assert.Equal(status.Outputs[0].Sent, whole.Count);
        foreach (var file in new[] { files[1], files[2], Folder.File("again.flv"), playlist })
            AssertContains(whole, Hashes(file));
        // Its end was torn off with the peer.
        AssertContains(whole, Hashes(Folder.File("gone.flv"), isTorn: true)[..Rate]);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Reader_ThatStandsStill_GoesOnAtAKeyFrame_AndNobodyElseMissesAPicture()
    {
        var log = new List<LiveEvent>();
        using var pool = new FramePool();
        using (var encoders = new Encoders(new LiveClock(TimeProvider.System), log.Add))
        {
            var format = new LiveSinkOptions { Output = "viewers", Width = 160, Height = 96, Preset = "ultrafast" };
            var viewers = new PacketRelay();
            var watched = encoders.Serve(format, viewers)!;
            var (steady, still) = (new Written(encoders, format, Folder.File("steady.mp4")),
                new Written(encoders, format, Folder.File("still.ts")));
            var number = 0L;
            Send(10);
            Assert.Equal(0, watched.Pictures.Status.Made);
            using var viewer = viewers.Join();
            steady.Begin();
            Send(10);
            // Begins late, in between.
            still.Begin();
            Send(10, still);
            for (var i = 0; i < 3 * Rate; i++)
                Send(1);
            Send(5 * Rate, still);
            encoders.End();
            steady.Finish();
            still.Finish();
            Assert.Same(watched.Pictures, steady.Feed.Pictures);
            Assert.Same(watched.Pictures, still.Feed.Pictures);
            Assert.Equal(number - 10, watched.Pictures.Status.Made);
            Assert.Equal((0, true), (steady.Skipped, still.Skipped >= Rate));

            // As a run does, one picture after the other, but without its pauses.
            void Send(int count, Written? also = null)
            {
                for (; count > 0; count--)
                {
                    using var frame = new SharedFrame(VideoFrame.Rent(pool, 160, 96));
                    new Random((int)number).NextBytes(frame.Frame.Pixels);
                    var made = watched.Pictures.Status.Made;
                    encoders.Send(frame, number, new SoundBlock(number * SoundBlock.Rate / Rate, new float[3200]));
                    number++;
                    if (viewers.Readers == 0)
                        continue;
                    WaitFor(() => watched.Pictures.Status.Made > made, "a picture was not encoded");
                    steady.Take();
                    also?.Take();
                }
            }
        }
        Assert.Equal(0, pool.Outstanding);
        Assert.DoesNotContain(log, n => n.IsTrouble);
        var whole = Hashes(Folder.File("steady.mp4"));
        Assert.Equal(10 + 10 + 3 * Rate + 5 * Rate, whole.Count);
        var parts = Hashes(Folder.File("still.ts"));
        // What it got before it stood still, and what came from the key frame on.
        AssertContains(whole, parts[..10]);
        AssertContains(whole, parts[10..]);
        Assert.InRange(parts.Count, 10 + 2 * Rate, whole.Count - Rate);
    }

    [Fact]
    public void Output_OfAnEncoderThatMakesNoSecondKeyFrame_HasItsOwn_WhichBeginsAnewForIt()
    {
        using var pool = new FramePool();
        using var encoders = new Encoders(new LiveClock(TimeProvider.System), _ => { });
        var format = new LiveSinkOptions { Output = "a.gif", Width = 160, Height = 96, HasSound = false };
        var (one, other) = (encoders.Add("a.gif", LiveSinks.StreamsOf(format)), encoders.Add("b.gif", LiveSinks.StreamsOf(format)));
        Assert.NotSame(one.Pictures, other.Pictures);
        var number = 0L;
        // The second time as after a loss.
        for (var time = 0; time < 2; time++)
        {
            one.Describe().Pictures!.Dispose();
            using var reader = one.Relay.Join(ReaderLimits.Output, isUrgent: true);
            for (var i = 0; i < 10; i++)
                Send();
            EncodedUnit? unit = null;
            while (unit is null)
                unit = reader.Read(Stop.Token)!.Value.Unit;
            using (unit)
                Assert.Equal((PacketKind.Key, 10L * time), (unit.Kind, unit.Place));
        }

        void Send()
        {
            using var frame = new SharedFrame(VideoFrame.Rent(pool, 160, 96));
            new Random((int)number).NextBytes(frame.Frame.Pixels);
            encoders.Send(frame, number++, null);
        }
    }

    [Fact]
    public void Output_WhoseEncoderFails_SaysSo()
    {
        using var pool = new FramePool();
        var format = new LiveSinkOptions { Output = "", Width = 160, Height = 96, Preset = "ultrafast", HasSound = false };
        using var outputs = new LiveOutputs(format, null, new LiveClock(TimeProvider.System), _ => { });
        using var file = outputs.Add(Folder.File("a.mkv"));
        WaitFor(() => file.Status.IsOpen, "it was not opened");
        for (var number = 0L; file.Status.IsOpen; number++)
        {
            // No encoder takes pictures of another size.
            using var frame = new SharedFrame(VideoFrame.Rent(pool, 96, 96));
            outputs.Send(frame, number, null);
            Assert.False(Stop.Token.WaitHandle.WaitOne(5));
        }
        Assert.Contains("160x96", outputs.Status.Single().Obstacle, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Playlist_WhoseEncoderBeginsAnew_GoesOnAfterADiscontinuity_AndBothSidesOfItCanBePlayed()
    {
        using var pool = new FramePool();
        var format = new LiveSinkOptions { Output = "", Width = 160, Height = 96, FrameRate = new Rational(8, 1), Preset = "ultrafast" };
        using var outputs = new LiveOutputs(format, null, new LiveClock(TimeProvider.System), _ => { });
        var playlist = new LivePlaylist(new PlaylistTimes(format.FrameRate), TimeProvider.System);
        var output = outputs.Add(playlist);
        Assert.True(outputs.HasPlayers);
        var number = 0L;
        Send(40, 160, () => playlist.ToText("").Contains("segment-", StringComparison.Ordinal));
        // No encoder takes pictures of another size.
        Send(8, 96, () => !output.Status.IsOpen);
        Send(40, 160, () => playlist.ToText("").Split("#EXT-X-DISCONTINUITY\n") is [_, var after]
            && after.Contains("segment-", StringComparison.Ordinal));
        await Task.Run(output.Dispose);
        Assert.False(outputs.HasPlayers);
        var text = playlist.ToText("");
        Assert.EndsWith("#EXT-X-ENDLIST\n", text, StringComparison.Ordinal);
        foreach (var name in text.Split('\n').Where(l => l.StartsWith("segment-", StringComparison.Ordinal)))
            File.WriteAllBytes(Folder.File(name), [.. playlist.Segment(NumberOf(name))!.Parts.SelectMany(p => p.Data.ToArray())]);
        foreach (var name in text.Split('"').Where(l => l.StartsWith("init-", StringComparison.Ordinal)))
            File.WriteAllBytes(Folder.File(name), playlist.HeaderOf(NumberOf(name))!.Data.ToArray());
        var written = Folder.File("players.m3u8");
        File.WriteAllText(written, text);
        Assert.Equal(output.Status.Sent, Hashes(written).Count);
        // Where the encoder was too slow for a picture, the one before it stays.
        Assert.InRange(8 * text.Split("#EXTINF:").Skip(1).Sum(t => Number(t.Split(',')[0])), output.Status.Sent, number);

        static long NumberOf(string name) => (long)Number(name.Split('-', '.')[1]);

        void Send(int least, int width, Func<bool> isEnough)
        {
            for (var left = least; left > 0 || !isEnough(); left--)
            {
                using var frame = new SharedFrame(VideoFrame.Rent(pool, width, 96));
                new Random((int)number).NextBytes(frame.Frame.Pixels);
                outputs.Send(frame, number, new SoundBlock(number * SoundBlock.Rate / 8, new float[12000]));
                number++;
                Assert.False(Stop.Token.WaitHandle.WaitOne(5));
            }
        }
    }

    [Fact]
    public async Task Output_ThatLeavesOthers_GetsWhatTheEncoderHolds()
    {
        using var pool = new FramePool();
        using var encoders = new Encoders(new LiveClock(new FakeTimeProvider()), _ => { });
        // Without "zerolatency", and with pictures held back.
        var format = new LiveSinkOptions
        {
            Output = "a.mkv",
            Width = 160,
            Height = 96,
            Preset = "ultrafast",
            HasSound = false,
            VideoCodec = "libx264rgb",
        };
        var (leaving, staying) = (encoders.Add("a.mkv", LiveSinks.StreamsOf(format)), encoders.Add("b.mkv", LiveSinks.StreamsOf(format)));
        Assert.Same(leaving.Pictures, staying.Pictures);
        leaving.Describe().Pictures!.Dispose();
        using var left = leaving.Relay.Join(ReaderLimits.Output, isUrgent: true);
        using var stays = staying.Relay.Join(ReaderLimits.Output, isUrgent: true);
        for (var number = 0L; number < 20; number++)
            Send(number);
        leaving.Leave();
        var places = new List<long>();
        var reading = Task.Run(() =>
        {
            while (left.Read(Stop.Token) is { } item)
                using (item.Unit)
                    places.AddRange(item.Unit is { } unit ? [unit.Place] : []);
        });
        // The other one goes on.
        for (var number = 20L; !reading.IsCompleted; number++)
            Send(number);
        await reading;
        Assert.Equal(Enumerable.Range(0, 20).Select(i => (long)i), places);

        void Send(long number)
        {
            var made = leaving.Pictures.Status.Made;
            using var frame = new SharedFrame(VideoFrame.Rent(pool, 160, 96));
            new Random((int)number).NextBytes(frame.Frame.Pixels);
            encoders.Send(frame, number, null);
            WaitFor(() => leaving.Pictures.Status.Made > made, "a picture was not encoded");
        }
    }

    /// <summary>A run's end waits as long as its outputs do, not for all that a slow encoder still holds.</summary>
    [Fact]
    public async Task End_OfASlowEncoderThatNobodyWaitsFor_ComesLongBeforeAllThatItHolds()
    {
        const int Pictures = 40;
        using var pool = new FramePool();
        // It looks further ahead than this, and takes its time.
        var format = new LiveSinkOptions
        {
            Output = "a.mkv",
            Width = 320,
            Height = 192,
            Preset = "placebo",
            HasSound = false,
            VideoCodec = "libx264rgb",
        };
        using var left = new Encoders(new LiveClock(new FakeTimeProvider()), _ => { });
        using var awaited = new Encoders(new LiveClock(new FakeTimeProvider()), _ => { });
        var feeds = new[] { left, awaited }.Select(e => (Encoders: e, Feed: e.Add("a.mkv", LiveSinks.StreamsOf(format)))).ToList();
        foreach (var (_, feed) in feeds)
            feed.Describe().Pictures!.Dispose();
        using var reader = feeds[0].Feed.Relay.Join(ReaderLimits.Output, isUrgent: true);
        using var patient = feeds[1].Feed.Relay.Join(ReaderLimits.Output, isUrgent: true);
        for (var number = 0; number < Pictures; number++)
        {
            using var frame = new SharedFrame(VideoFrame.Rent(pool, 320, 192));
            new Random(number).NextBytes(frame.Frame.Pixels);
            foreach (var (encoders, _) in feeds)
                encoders.Send(frame, number, null);
            WaitFor(() => feeds.TrueForAll(f => f.Feed.Pictures.Status.Made > number), "a picture was not taken");
        }
        Assert.All(feeds, f => Assert.Equal(0, f.Feed.Relay.Sent));
        var (over, whole) = (Task.Run(left.Dispose), Task.Run(awaited.Dispose));
        while (reader.Read(Stop.Token) is not { Unit: { } unit })
        {
        }
        reader.Dispose();
        await over;
        Assert.InRange(feeds[1].Feed.Relay.Sent, 0, Pictures / 4);
        await whole;
        Assert.Equal(Pictures, feeds[1].Feed.Relay.Sent);
    }

    // Hashes of all frames as decoded; anything that the decoder complains of fails the test.
    private static List<string> Hashes(string file, bool isTorn = false)
    {
        var lines = TestFolder.Command(
            "ffmpeg", $"-v error -nostdin -i {file} -map 0:v -fps_mode passthrough -f framemd5 - {(isTorn ? "|| true" : "2>&1")}");
        return [.. lines.Split('\n').Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(',') is [.. var before, var hash]
            && before.Length == 5 ? hash.Trim() : throw new InvalidDataException($"{file}: {l}"))];
    }

    private static void AssertContains(List<string> whole, List<string> part)
    {
        Assert.NotEmpty(part);
        Assert.Contains(Enumerable.Range(0, whole.Count - part.Count + 1), at => whole.Slice(at, part.Count).SequenceEqual(part));
    }

    private Publishing Receiver(int port, string file) =>
        new($"-v error -nostdin -y -listen 1 -i rtmp://127.0.0.1:{port}/live/k -c copy -flush_packets 1 {Folder.File(file)}");

    // A file that takes what it is given when the test says so.
    private sealed class Written(Encoders encoders, LiveSinkOptions format, string path)
    {
        private ILiveSink _sink = null!;
        private PacketReader? _reader;

        public EncoderFeed Feed { get; } = encoders.Add(path, LiveSinks.StreamsOf(format with { Output = path }));

        public long Skipped => _reader!.Skipped;

        public void Begin()
        {
            var (pictures, sound) = Feed.Describe();
            using (pictures)
            using (sound)
                _sink = LiveSinks.Open(format with { Output = path }, pictures, sound, default);
            _reader = Feed.Relay.Join(ReaderLimits.Output, isUrgent: true);
        }

        /// <summary>Takes all that is there.</summary>
        public void Take()
        {
            try
            {
                while (_reader?.Read(new CancellationToken(true)) is { } item)
                    Write(item);
            }
            catch (OperationCanceledException)
            {
                // Nothing is there any more.
            }
        }

        public void Finish()
        {
            while (_reader!.Read(default) is { } item)
                Write(item);
            _sink.Complete();
            _sink.Dispose();
        }

        private void Write(RelayItem item)
        {
            using var unit = item.Unit;
            if (unit is not null)
                _sink.Write(unit);
        }
    }
}
