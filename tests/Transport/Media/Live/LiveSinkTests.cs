using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;
using StreamDiff.Transport.Media.Opening;
using StreamDiff.Transport.Tests.Support;

namespace StreamDiff.Transport.Tests.Media.Live;

/// <summary>What goes out, received by programs that we did not write.</summary>
public sealed class LiveSinkTests : IDisposable
{
    private const int Frames = 60;
    private readonly TempFolder _folder = new();
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromMinutes(10));

    public void Dispose()
    {
        _patience.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Rtmp_ToFfmpeg_EveryPictureAndTheSoundArrive()
    {
        var port = FreePort.Tcp();
        using var receiver = Peer.Ffmpeg($"-listen 1 -i rtmp://127.0.0.1:{port}/live/k -c copy {_folder.File("a.flv")}");
        Send($"rtmp://127.0.0.1:{port}/live/k");
        Assert.Equal(0, receiver.Finish().Code);
        AssertComplete(_folder.File("a.flv"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("&passphrase=secret12345")]
    public void Srt_ToFfmpegListener_Arrives(string more)
    {
        Complete((latency, file) =>
        {
            var port = FreePort.Udp();
            using var receiver = Peer.Ffmpeg($"-i srt://127.0.0.1:{port}?mode=listener&{latency}{more} -c copy {file}");
            Send($"srt://127.0.0.1:{port}?mode=caller&{latency}{more}");
            _ = receiver.Finish();
        });
    }

    [Fact]
    public void Srt_ListenerSink_TakesFfmpegAsCaller()
    {
        Complete((latency, file) =>
        {
            var port = FreePort.Udp();
            using var receiver = Peer.Ffmpeg($"-i srt://127.0.0.1:{port}?mode=caller&{latency} -c copy {file}");
            Send($"srt://127.0.0.1:{port}?mode=listener&{latency}");
            _ = receiver.Finish();
        });
    }

    [Fact]
    [Trait("Category", "Slow")]
    public async Task Srt_ThroughSrtLiveTransmit_Arrives()
    {
        const string Latency = "latency=3000000&connect_timeout=60000";
        var (first, second) = (FreePort.Udp(), FreePort.Udp());
        using var relay = Peer.Start("srt-live-transmit", "-a:no", $"srt://127.0.0.1:{first}?mode=listener&latency=20",
            $"srt://127.0.0.1:{second}?mode=listener&latency=20");
        using var receiver = Peer.Ffmpeg(
            $"-i srt://127.0.0.1:{second}?mode=caller&{Latency} -c copy -flush_packets 1 {_folder.File("a.ts")}");
        // The receiver joins when the sender is there, and then waits for a key frame.
        using var stop = new CancellationTokenSource();
        var sending = Task.Run(() => Send($"srt://127.0.0.1:{first}?mode=caller&{Latency}", frames: 100_000, stop.Token));
        while (PicturesSoFar(_folder.File("a.ts")) < Frames)
            Assert.False(sending.IsCompleted || _patience.Token.WaitHandle.WaitOne(500), "nothing arrives");
        await stop.CancelAsync();
        await sending;
        receiver.Finish();
        Assert.InRange(Probe.PictureTimes(_folder.File("a.ts")).Length, Frames, 100_000);
    }

    [Fact]
    public void Rtmp_ThroughNginx_IsPulledBack()
    {
        using var server = NginxRtmp.Start(_folder);
        var address = $"rtmp://127.0.0.1:{server.Port}/live/k";
        using var stop = new CancellationTokenSource();
        var sending = new Thread(() => Send(address, frames: 100_000, stop.Token)) { IsBackground = true };
        sending.Start();
        using var source = OpenSoon(address);
        var frames = 0;
        while (frames < 30)
        {
            using var unit = source.Read(_patience.Token);
            frames += unit is VideoFrame ? 1 : 0;
        }

        stop.Cancel();
        sending.Join();
        Assert.NotNull(source.Audio);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Rtmps_ServerOfUnknownOrigin_IsRefused(bool isKnown)
    {
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        await File.WriteAllTextAsync(_folder.File("ca.pem"), certificate.ExportCertificatePem());
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var received = Task.Run(async () =>
        {
            using var client = await listener.AcceptTcpClientAsync();
            await using var secured = new System.Net.Security.SslStream(client.GetStream());
            try
            {
                await secured.AuthenticateAsServerAsync(certificate);
                return await secured.ReadAsync(new byte[1]);
            }
            catch (Exception e) when (e is System.Security.Authentication.AuthenticationException or IOException)
            {
                return 0;
            }
        });
        Environment.SetEnvironmentVariable("SSL_CERT_FILE", isKnown ? _folder.File("ca.pem") : null);
        try
        {
            var address = $"rtmps://127.0.0.1:{((System.Net.IPEndPoint)listener.LocalEndpoint).Port}/live/k";
            var error = Assert.Throws<MediaException>(() =>
                new OutputWithEncoders(new LiveSinkOptions { Output = address, Width = 160, Height = 96 }, _patience.Token));
            Assert.Equal(!isKnown, error.Message.Contains("SSL_CERT_FILE", StringComparison.Ordinal));
        }
        finally
        {
            Environment.SetEnvironmentVariable("SSL_CERT_FILE", null);
        }

        // A server that is not known gets no byte of RTMP.
        Assert.Equal(isKnown ? 1 : 0, await received);
    }

    [Fact]
    public void Rtmp_NobodyThere_SaysSo()
    {
        var error = Assert.Throws<MediaException>(() => Send($"rtmp://127.0.0.1:{FreePort.Tcp()}/live/secretkey"));
        Assert.Contains("Connection refused", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secretkey", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rtmp_ReceiverStopsReading_IsGivenUp()
    {
        // It is stopped, not ended: its socket fills up and nothing is refused.
        var port = FreePort.Tcp();
        using var receiver = Peer.Ffmpeg($"-listen 1 -i rtmp://127.0.0.1:{port}/live/k -f null -");
        using var sink = OpenSink($"rtmp://127.0.0.1:{port}/live/k",
            o => o with { WriteTimeout = TimeSpan.FromSeconds(1), VideoBitRate = 100_000_000, Width = 1280, Height = 720 });
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, 1280, 720);
        CommandLine.Run("kill", "-STOP", $"{receiver.Id}");
        var error = Assert.Throws<MediaException>(() =>
        {
            for (var i = 0; i < 2000; i++)
            {
                new Random(i).NextBytes(frame.Pixels);
                sink.Write(frame, i);
            }
        });
        Assert.Contains("takes nothing any more", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1/x")]
    [InlineData("rtmp://127.0.0.1/live/k?listen=1")]
    [InlineData("srt://127.0.0.1")]
    [InlineData("srt://127.0.0.1:9000?passphrase=short")]
    [InlineData("v4l2:/dev/video99")]
    public void Check_ImpossibleOutput_SaysWhatToDo(string output) =>
        Assert.Throws<MediaException>(() => LiveSinks.Check(new LiveSinkOptions { Output = output, Width = 160, Height = 96 }));

    [Theory]
    [InlineData("rtmp://127.0.0.1/live/k", "libtheora", "flv cannot hold theora video; use the codec libx264.")]
    [InlineData("srt://127.0.0.1:9000", "ffv1", "mpegts cannot hold ffv1 video; use the codec libx264.")]
    [InlineData("udp://127.0.0.1:9000", "prores", "mpegts cannot hold prores video")]
    [InlineData("a.webm", "libx264", "webm cannot hold h264 video; use the codec")]
    [InlineData("a.mkv", "libx999", "is not in this FFmpeg")]
    public void Check_CodecThatTheOutputCannotHold_IsSaidBefore(string output, string codec, string text)
    {
        var error = Assert.Throws<MediaException>(() =>
            LiveSinks.Check(new LiveSinkOptions { Output = output, Width = 160, Height = 96, VideoCodec = codec }));
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rtmp://127.0.0.1/live/k", "libx264")]
    [InlineData("srt://127.0.0.1:9000", "libx265")]
    [InlineData("srt://127.0.0.1:9000", "mpeg2video")]
    [InlineData("a.webm", "libvpx-vp9")]
    [InlineData("a.mkv", "ffv1")]
    [InlineData("null:", "whatever")]
    public void Check_CodecThatTheOutputHolds_Passes(string output, string codec) =>
        LiveSinks.Check(new LiveSinkOptions { Output = output, Width = 160, Height = 96, VideoCodec = codec });

    [Theory]
    [InlineData("rtmp://127.0.0.1/live/k", "srt://127.0.0.1:9000", true)]
    [InlineData("rtmp://127.0.0.1/live/k", "show.mp4", true)]
    [InlineData("show.mkv", "hls:/tmp/stream.m3u8", true)]
    [InlineData("show.mkv", "hls:/tmp/stream.m3u8?piece=1", false)]
    [InlineData("show.mp4", "show.webm", false)]
    [InlineData("show.mp4", "null:", false)]
    public void Outputs_ThatWantTheSame_AreMadeOfTheSameStreams(string one, string other, bool areSame)
    {
        static OutputStreams Of(string output) => LiveSinks.StreamsOf(new LiveSinkOptions { Output = output, Width = 160, Height = 96 });
        Assert.Equal(areSame, Of(one).Pictures == Of(other).Pictures);
        Assert.Equal(areSame || other.Contains("hls", StringComparison.Ordinal), Of(one).Sound == Of(other).Sound);
    }

    [Theory]
    [InlineData("auto", false, true)]
    [InlineData("libx264", false, true)]
    [InlineData("libx264", true, false)]
    [InlineData("libx265", false, false)]
    // H.264 too, but RGB, which browsers show black.
    [InlineData("libx264rgb", false, false)]
    public void Viewers_HavePicturesOfTheirOwn_OnlyWhereAnOutputHasOthers(string codec, bool isConstant, bool areSame)
    {
        var options = new LiveSinkOptions
        {
            Output = "srt://127.0.0.1:9000",
            Width = 160,
            Height = 96,
            VideoCodec = codec,
            IsConstantBitRate = isConstant,
        };
        var viewers = LiveSinks.StreamsOfViewers(options with { Output = "viewers" });
        Assert.Equal(areSame, LiveSinks.StreamsOf(options).Pictures == viewers.Pictures);
        Assert.StartsWith("libopus", $"{viewers.Sound}", StringComparison.Ordinal);
        Assert.StartsWith("libx264 ", $"{viewers.Pictures}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("show.mp4", "libx264", true)]
    [InlineData("show.mkv", "mpeg4", true)]
    [InlineData("show.webm", "libvpx-vp9", true)]
    [InlineData("show.avi", "mjpeg", true)]
    [InlineData("show.mkv", "ffv1", false)]
    [InlineData("show.ogv", "libtheora", false)]
    [InlineData("show.gif", "gif", false)]
    [InlineData("show.mov", "qtrle", false)]
    public void Encoders_ThatMakeKeyFramesWhenTheyLike_AreKnown(string output, string codec, bool makes) =>
        Assert.Equal(makes, LiveSinks.StreamsOf(
            new LiveSinkOptions { Output = output, Width = 160, Height = 96, VideoCodec = codec }).Pictures.MakesKeys);

    [Fact]
    public void Hls_Folder_HasAPlaylistOfPiecesThatPlay()
    {
        using (var sink = OpenSink($"hls:{_folder.File("live.m3u8")}?piece=1"))
        {
            using var pool = new FramePool();
            using var frame = VideoFrame.Rent(pool, 160, 96);
            var sound = new SoundBlock(0, new float[2 * SoundBlock.Rate / 30]);
            for (var i = 0; i < 12 * 30; i++)
            {
                frame.Pixels.Fill((byte)i);
                sink.Write(frame, i);
                sink.Write(sound with { Position = i * SoundBlock.Rate / 30 });
            }
            var during = File.ReadAllText(_folder.File("live.m3u8"));
            Assert.DoesNotContain("#EXT-X-ENDLIST", during, StringComparison.Ordinal);
            Assert.Contains("#EXT-X-TARGETDURATION:1\n", during, StringComparison.Ordinal);
            Assert.Contains("#EXT-X-INDEPENDENT-SEGMENTS", during, StringComparison.Ordinal);
            sink.Complete();
        }
        // Old pieces are removed.
        Assert.InRange(Directory.GetFiles(_folder.Root, "live-*.ts").Length, 6, 10);
        Assert.Contains("#EXT-X-ENDLIST", File.ReadAllText(_folder.File("live.m3u8")), StringComparison.Ordinal);
        using var player = Peer.Ffmpeg($"-i {_folder.File("live.m3u8")} -c copy {_folder.File("a.mkv")}");
        Assert.Equal(0, player.Finish().Code);
        Assert.InRange(Probe.PictureTimes(_folder.File("a.mkv")).Length, 5 * 30, 7 * 30);
        Assert.Equal("aac", Probe.Stream(_folder.File("a.mkv"), "a", "codec_name"));
    }

    [Theory]
    [InlineData("hls:stream.mp4", "must name a playlist")]
    [InlineData("hls:/tmp/stream.m3u8?piece=0.1", "piece must be")]
    public void Hls_WrongAddress_IsSaidInWords(string output, string text) => Assert.Contains(text,
        Assert.Throws<MediaException>(() => LiveSinks.Check(new LiveSinkOptions { Output = output, Width = 160, Height = 96 })).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Udp_ConstantBitRate_IsFilledUpWhereAStillNeedsLess()
    {
        const long Rate = 1_000_000;
        // Half a second of buffer may be empty at the end.
        Assert.True(Received(isConstant: true) > 0.7 * Rate * Frames / 30);
        Assert.True(Received(isConstant: false) < 0.3 * Rate * Frames / 30);

        long Received(bool isConstant)
        {
            var port = FreePort.Udp();
            using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Dgram, System.Net.Sockets.ProtocolType.Udp)
            {
                ReceiveBufferSize = 4 << 20,
            };
            socket.Bind(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, port));
            using (var sink = OpenSink($"udp://127.0.0.1:{port}",
                o => o with { VideoBitRate = Rate, IsConstantBitRate = isConstant, HasSound = false }))
            {
                using var pool = new FramePool();
                using var frame = VideoFrame.Rent(pool, 160, 96);
                frame.Pixels.Clear();
                for (var i = 0; i < Frames; i++)
                    sink.Write(frame, i);
                sink.Complete();
            }
            var bytes = 0L;
            for (var buffer = new byte[65536]; socket.Poll(TimeSpan.FromMilliseconds(200), System.Net.Sockets.SelectMode.SelectRead);)
                bytes += socket.Receive(buffer);
            return 8 * bytes;
        }
    }

    private OutputWithEncoders OpenSink(string output, Func<LiveSinkOptions, LiveSinkOptions>? change = null)
    {
        var options = new LiveSinkOptions { Output = output, Width = 160, Height = 96, Preset = "ultrafast" };
        options = change?.Invoke(options) ?? options;
        while (true)
        {
            try
            {
                return new OutputWithEncoders(options, _patience.Token);
            }
            catch (MediaException error) when (!output.Contains("secretkey", StringComparison.Ordinal)
                && (error.Message.Contains("refused", StringComparison.Ordinal)
                    || error.Message.Contains("Input/output", StringComparison.Ordinal)))
            {
                // The receiver is still starting.
                Assert.False(_patience.Token.WaitHandle.WaitOne(100));
            }
        }
    }

    private void Send(string output, int frames = Frames, CancellationToken stop = default)
    {
        using var sink = OpenSink(output);
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, 160, 96);
        for (var i = 0; i < frames && !stop.IsCancellationRequested; i++)
        {
            frame.Pixels.Fill((byte)i);
            sink.Write(frame, i);
            sink.Write(new SoundBlock(i * 1600, new float[3200]));
            _ = _patience.Token.WaitHandle.WaitOne(15);
        }

        sink.Complete();
    }

    private IFrameSource OpenSoon(string address)
    {
        while (true)
        {
            try
            {
                return MediaSources.Open(
                    new VideoSourceOptions { Input = address, OpenTimeout = TimeSpan.FromSeconds(3) }, _patience.Token);
            }
            catch (MediaException)
            {
                Assert.False(_patience.Token.WaitHandle.WaitOne(100));
            }
        }
    }

    // The time that packets are given is the connection's: where a busy machine makes them late, once more with much of it.
    private void Complete(Action<string, string> transmit)
    {
        var file = _folder.File("short.ts");
        transmit("latency=20000&connect_timeout=60000", file);
        if (Record.Exception(() => AssertComplete(file, lost: 2)) is null)
            return;
        file = _folder.File("long.ts");
        transmit("latency=3000000&connect_timeout=60000", file);
        AssertComplete(file, lost: 2);
    }

    // Of a file that is being written.
    private static int PicturesSoFar(string file)
    {
        var count = 0;
        _ = Record.Exception(() => count = Probe.PictureTimes(file).Length);
        return count;
    }

    private static void AssertComplete(string file, int lost = 0)
    {
        Assert.InRange(Probe.PictureTimes(file).Length, Frames - lost, Frames);
        Assert.Equal("aac", Probe.Stream(file, "a", "codec_name"));
        Assert.InRange(Probe.SoundTimes(file).Length, Frames * 1600 / 1024 - 8, (Frames * 1600 / 1024) + 3);
    }
}
