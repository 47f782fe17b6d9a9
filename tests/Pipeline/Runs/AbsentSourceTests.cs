using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>Sources that never were there, that come late, and that went: the table of docs/guides/live.md.</summary>
public sealed class AbsentSourceTests : IDisposable
{
    private static readonly MediaException Away = new("x.") { Absence = SourceAbsence.Away };
    private static readonly MediaException Missing = new("x.") { Absence = SourceAbsence.Missing };
    private readonly TestFolder _folder = new();
    private readonly CancellationTokenSource _stop = new(TimeSpan.FromMinutes(10));
    private readonly ConcurrentQueue<LiveEvent> _news = new();

    public void Dispose()
    {
        _stop.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("v4l2:/dev/video-none", "does not exist")]
    [InlineData("rtmp://nowhere.invalid/app/key", "the name nowhere.invalid is not known")]
    [InlineData("srt://nowhere.invalid:9000", "the name nowhere.invalid is not known")]
    [InlineData("udp://nowhere.invalid:9000", "the name nowhere.invalid is not known")]
    [InlineData("https://nowhere.invalid/live.m3u8", "cannot be reached")]
    [InlineData("http://nowhere.invalid/film.mp4", "cannot be reached")]
    [InlineData("{server}/none.m3u8", "does not exist (Server returned 404 Not Found)")]
    [InlineData("{folder}/none.mp4", "does not exist")]
    public void Run_SourceDoesNotExist_IsAnErrorAtOnceAndLeavesNoFile(string input, string reason)
    {
        using var server = new FileServer(_folder.File(""));
        var address = input.Replace("{server}", server.Address).Replace("{folder}", _folder.File(""));
        var error = Assert.Throws<MediaException>(() => Run(address, null));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.EndsWith("; --wait-for-source waits for it.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Empty(Directory.GetFiles(_folder.File("")));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("true")]
    public void Run_WhatIsThereIsNoVideo_IsAnErrorHoweverLongOneWaits(string? wait)
    {
        File.WriteAllText(_folder.File("live.ts"), string.Concat(Enumerable.Repeat("Dear diary, today I wrote a test.\n", 300)));
        using var server = new FileServer(_folder.File(""));
        var error = Assert.Throws<MediaException>(() => Run($"{server.Address}/live.ts", wait));
        Assert.DoesNotContain("--wait-for-source", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.File("out.mkv")));
    }

    [Theory]
    [InlineData("rtmp://127.0.0.1:{0}/app/key", "is its server running")]
    [InlineData("http://127.0.0.1:{0}/film.mp4", "is its server running")]
    [InlineData("srt://127.0.0.1:{0}?connect_timeout=500", "nobody answers there")]
    public void Run_ServerDoesNotAnswer_IsTriedForATimeAndThenAnError(string input, string advice)
    {
        var error = Assert.Throws<MediaException>(() => Run(string.Format(null, input, FileServer.FreePort()), "1"));
        Assert.Contains(advice, error.Message, StringComparison.Ordinal);
        Assert.Contains(" (tried for ", error.Message, StringComparison.Ordinal);
        // That it waits is said before the second try, and that it is open before it is closed, if there was time for one.
        if (IsOpen("output"))
            Assert.Contains(_news, n => n.State == "removed" && n.Text.Contains("out.mkv", StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(_folder.File("")));
    }

    [Fact]
    public void Run_PortOfAListenerIsTaken_IsAnErrorAtOnce()
    {
        using var taken = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        taken.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)taken.LocalEndPoint!).Port;
        var error = Assert.Throws<MediaException>(() => Run($"srt://127.0.0.1:{port}?mode=listener", "true"));
        Assert.Contains("cannot be listened to", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<MediaException>(() => Run($"udp://127.0.0.1:{port}", null));
        Assert.Contains("is the port in use", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.File("")));
    }

    [Fact]
    public async Task Run_ServerStartsLateAndGoesAgain_IsWaitedForBothTimesAndTheFileStays()
    {
        _folder.Make("live.ts", "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 20 -pix_fmt yuv420p -bf 0");
        var port = FileServer.FreePort();
        var run = Task.Run(() => Run($"http://127.0.0.1:{port}/live.ts", "true"));
        WaitFor(n => n is { State: "waiting", IsTrouble: true });
        WaitFor(() => IsOpen("output"));
        using (new FileServer(_folder.File(""), port))
            WaitFor(() => IsOpen("source"));
        WaitFor(n => n.State == "lost" && n.Text.Contains("cannot be reached", StringComparison.Ordinal));
        await _stop.CancelAsync();
        Assert.InRange((await run).Status.FramesIn, 1, 1000);
        Assert.True(new FileInfo(_folder.File("out.mkv")).Length > 0);
    }

    [Fact]
    public async Task Run_SourceGoesAndStaysAway_EndsAfterTheTimeThatWasAsked_AndTheFileStays()
    {
        _folder.Make("live.ts", "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 20 -pix_fmt yuv420p -bf 0");
        // The time counts from the first attempt on: on a busy machine the source may not be open by then, and is given more.
        for (var gone = 2; ; gone *= 4)
        {
            _news.Clear();
            Task<LiveResult> run;
            using (var server = new FileServer(_folder.File("")))
            {
                run = Task.Run(() => Run($"{server.Address}/live.ts", null, gone));
                WaitFor(() => (IsOpen("source") && IsOpen("output")) || run.IsCompleted);
            }
            if (!IsOpen("source") && gone < 30)
            {
                _ = await Record.ExceptionAsync(() => run);
                continue;
            }
            Assert.False((await run).Cancelled);
            Assert.True(new FileInfo(_folder.File("out.mkv")).Length > 0);
            Assert.Contains(_news,
                n => n is { State: "ended" } && n.Text.Contains($"nothing came from it for {gone} s", StringComparison.Ordinal));
            return;
        }
    }

    [Fact]
    public void Run_SenderNeverComes_EndsAfterTheTimeThatWasAsked()
    {
        var error = Assert.Throws<MediaException>(
            () => Run($"rtmp://127.0.0.1:{FileServer.FreePort()}/live/key?listen=1", null, sourceGone: 1));
        Assert.Contains("nothing came from it for 1 s", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder.File("")));
    }

    [Fact]
    public async Task Run_MissingFileIsWaitedFor_ItIsReadWhenItComes()
    {
        var film = _folder.Make("film.mkv", "-f lavfi -i testsrc2=size=64x64:rate=25 -frames:v 20 -pix_fmt yuv420p");
        var run = Task.Run(() => Run(_folder.File("later.mkv"), "true"));
        WaitFor(n => n is { State: "waiting", IsTrouble: true } && n.Text.Contains("does not exist", StringComparison.Ordinal));
        File.Move(film, _folder.File("later.mkv"));
        Assert.Equal(20, (await run).Status.FramesIn);
    }

    [Fact]
    public void Left_EveryKind_IsAsTheGuideSays()
    {
        var (usual, never) = (SourcePatience.Usual, TimeSpan.MaxValue);
        Assert.Equal(TimeSpan.FromSeconds(10), usual);
        // A server, a listener, and a port without connections; what was asked for; how long it is tried.
        Check("rtmp://host/a/b", Away, null, usual);
        Check("rtmp://host/a/b", Missing, null, TimeSpan.Zero);
        Check("rtmp://host/a/b", Missing, 30, TimeSpan.FromSeconds(30));
        Check("rtmp://host/a/b", Missing, double.PositiveInfinity, never);
        Check("rtmp://host/a/b", Away, 0, TimeSpan.Zero);
        Check("rtmp://host/a/b", new MediaException("x"), double.PositiveInfinity, TimeSpan.Zero);
        Check("rtmp://0.0.0.0:1935/a/b?listen=1", new MediaException("x"), null, never);
        Check("tcp://0.0.0.0:5000?listen", Away, null, never);
        Check("srt://0.0.0.0:9000?mode=listener", Away, 0, never);
        Check("srt://host:9000?mode=caller", Away, null, usual);
        Check("udp://0.0.0.0:5000", Away, 0, never);
        Check("udp://nowhere:5000", Missing, null, TimeSpan.Zero);
        Check("v4l2:/dev/video0", Missing, null, TimeSpan.Zero);

        static void Check(string address, MediaException error, double? asked, TimeSpan tried)
        {
            TimeSpan? wanted = asked is not { } seconds ? null
                : double.IsInfinity(seconds) ? TimeSpan.MaxValue : TimeSpan.FromSeconds(seconds);
            var patience = new SourcePatience(MediaAddress.Parse(address), wanted);
            Assert.Equal(tried, patience.Left(error, TimeSpan.Zero));
            Assert.Equal(tried == TimeSpan.MaxValue ? tried : TimeSpan.Zero, patience.Left(error, TimeSpan.FromSeconds(30)));
        }
    }

    private LiveResult Run(string input, string? wait, int? sourceGone = null)
    {
        var options = RestyleOptions.Of(input, _folder.File("out.mkv")).With(
            "model passthrough", "size 64x64", "live true", "preset ultrafast", wait is null ? null : $"wait-for-source {wait}",
            sourceGone is null ? null : $"source-gone {sourceGone}");
        return LiveRestyle.Run(options, _news.Enqueue, new Quiet(), _stop.Token);
    }

    private bool IsOpen(string part) => _news.Any(n => n.State == "open" && n.Part.StartsWith(part, StringComparison.Ordinal));

    private void WaitFor(Func<LiveEvent, bool> what) => WaitFor(() => _news.Any(what));

    private void WaitFor(Func<bool> what)
    {
        while (!what())
            Assert.False(_stop.Token.WaitHandle.WaitOne(20),
                $"it never came after {string.Join(", ", _news.Select(n => $"{n.State} {n.Text}"))}");
    }

    private sealed class Quiet : IProgress<LiveStatus>
    {
        public void Report(LiveStatus value)
        {
        }
    }
}
