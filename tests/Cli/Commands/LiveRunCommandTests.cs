using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Live runs as a user starts and stops them.</summary>
public sealed class LiveRunCommandTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Theory]
    [InlineData(PosixSignal.SIGINT, 130)]
    [InlineData(PosixSignal.SIGTERM, 143)]
    public void Live_Interrupted_ClosesEveryRecording_AndTellsItsServiceManager(PosixSignal signal, int code)
    {
        using var manager = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { ReceiveTimeout = 180_000 };
        manager.Bind(new UnixDomainSocketEndPoint(_streamdiff.Folder["notify"]));
        _streamdiff.Environment["NOTIFY_SOCKET"] = _streamdiff.Folder["notify"];
        _streamdiff.Environment["WATCHDOG_USEC"] = "1000000";
        var process = _streamdiff.Start("run", "--model", "passthrough", "-i", "test:testsrc2?size=160x96&duration=0", "-o", "a.mp4", "-o",
            "b.mkv", "--size", "160x96", "--log-format", "json");
        while (!File.Exists(_streamdiff.Folder["b.mkv"]) || new FileInfo(_streamdiff.Folder["b.mkv"]).Length < 60_000)
            Assert.False(process.WaitForExit(100));
        Told(manager, "READY=1");
        Told(manager, "WATCHDOG=1");
        Streamdiff.Signal(process, signal);
        Told(manager, "STOPPING=1");
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(code, outcome.ExitCode);
        using var result = JsonDocument.Parse(outcome.Output);
        foreach (var (output, name) in result.RootElement.GetProperty("outputs").EnumerateArray().Zip(["a.mp4", "b.mkv"]))
            Assert.Equal($"{output.GetProperty("sent").GetInt64()}", CountFrames(_streamdiff.Folder[name]));
    }

    // What systemd is told until this.
    private static void Told(Socket manager, string what)
    {
        var message = new byte[1000];
        while (Encoding.UTF8.GetString(message, 0, manager.Receive(message)) != what)
        {
        }
    }

    [Fact]
    public void Live_LogFormatJson_IsAnObjectALineWithoutSecrets()
    {
        var outcome = Streamdiff.RunLongEnough(
            seconds => _streamdiff.Run("run", "--model", "passthrough", "-i", $"test:testsrc2?size=160x96&duration={seconds}", "-o",
                "rtmp://127.0.0.1:1/live/topsecret", "--size", "160x96", "--log-format", "json"),
            o => o.Error.Contains("\"lost\"", StringComparison.Ordinal));
        Assert.Equal(ExitCode.NothingDelivered, outcome.ExitCode);
        var lines = outcome.ErrorLines.Select(l => JsonDocument.Parse(l).RootElement).ToArray();
        Assert.Contains(lines, l => l.GetProperty("state").GetString() == "lost");
        Assert.DoesNotContain("topsecret", outcome.Error + outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("rtmp://127.0.0.1:1/live/key", "output rtmp://127.0.0.1:1/live/*** got nothing: ")]
    [InlineData("srt://127.0.0.1:1", "output srt://127.0.0.1:1 got nothing: ")]
    [InlineData("/dev/full/a.mkv", "/dev/full/a.mkv")]
    public void Live_OutputThatWasNeverOpened_IsSaidAndHasItsCode(string output, string text)
    {
        var outcome = Streamdiff.RunLongEnough(
            seconds => _streamdiff.Run("run", "--model", "passthrough", "-i", $"test:testsrc2?size=160x96&duration={seconds}", "-o",
                output, "-o", $"a{seconds}.mkv", "--size", "160x96"),
            o => o.Problems.Length == 1);
        // A file that can never be one is a mistake of the command line.
        Assert.Equal(output.Contains("://", StringComparison.Ordinal) ? ExitCode.NothingDelivered : ExitCode.Usage, outcome.ExitCode);
        Assert.Contains(text, Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Live_ListenerThatNobodyCameTo_IsNoFailure() =>
        Assert.Equal(ExitCode.Ok, _streamdiff.Run("run", "--model", "passthrough", "-i", "test:testsrc2?size=160x96&duration=2", "-o",
            $"srt://127.0.0.1:{FreeUdpPort()}?mode=listener", "--size", "160x96").ExitCode);

    [Fact]
    [Trait("Category", "Slow")]
    public void Live_OutputsInAConfigurationFile_AreAllWritten()
    {
        string[] files = [];
        var outcome = Streamdiff.RunLongEnough(
            seconds =>
            {
                files = [$"a{seconds}.mp4", $"b{seconds}.mkv"];
                File.WriteAllText(_streamdiff.Folder["run.yaml"],
                    $"input: test:testsrc2?size=160x96&duration={seconds}\noutput:\n  - {files[0]}\n  - {files[1]}\n"
                        + "model: passthrough\nsize: 160x96\n");
                return _streamdiff.Run("run", "--config", "run.yaml");
            },
            o => o.ExitCode != ExitCode.NothingDelivered);
        Assert.Equal(0, outcome.ExitCode);
        Assert.All(files, file => Assert.True(File.Exists(_streamdiff.Folder[file])));
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("--fallback", "nowhere.png", "fallback must be")]
    [InlineData("--duration", "-1", "duration must be")]
    [InlineData("--segment-time", "0", "segment-time must be")]
    [InlineData("--bitrate", "1", "bitrate must be")]
    [InlineData("--wait-for-source", "-1", "wait-for-source must be")]
    [InlineData("--wait-for-source", "soon", "wait-for-source must be")]
    [InlineData("--start", "-1", "start must be")]
    [InlineData("--output", "srt://127.0.0.1:9000?passphrase=short", "passphrase")]
    [InlineData("--output", "ftp://127.0.0.1/x", "is no output")]
    [InlineData("--log-format", "xml", "log-format must be")]
    [InlineData("--codec", "ffv1", "mpegts cannot hold ffv1 video", "udp://127.0.0.1:9000")]
    [InlineData("--codec", "libtheora", "flv cannot hold theora video", "rtmp://127.0.0.1/live/key")]
    public void Live_WrongOption_IsOneLine(string option, string value, string problem, string output = "null:")
    {
        var outcome = _streamdiff.Run("run", "--model", "passthrough", "-i", "test:testsrc2", "-o", output, "--live", option, value);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(problem, Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void File_WithALiveOption_SaysThatItHasNoEffect()
    {
        var outcome = _streamdiff.Run("run", "-i", "test:testsrc2", "-o", "out.mp4", "--segment-time", "5");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("--live", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v4l2:/dev/video-none", "Camera '/dev/video-none' does not exist", false)]
    [InlineData("https://nowhere.invalid/film.mp4", "cannot be reached", true)]
    [InlineData("rtmp://nowhere.invalid/live/key", "cannot be reached", false)]
    public void Run_SourceThatNeverWasThere_IsOneLineAndNoFile(string input, string problem, bool isFileRun)
    {
        string[] model = isFileRun ? [] : ["--model", "passthrough"];
        var outcome = _streamdiff.Run(["run", "-i", input, "-o", "out.mp4", .. model]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(problem, Assert.Single(outcome.Problems), StringComparison.Ordinal);
        Assert.False(File.Exists(_streamdiff.Folder["out.mp4"]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_WaitForSource_WaitsForACamera(bool fromFile)
    {
        File.WriteAllText(_streamdiff.Folder["run.yaml"], fromFile ? "wait-for-source: true\n" : "{}\n");
        string[] option = fromFile ? [] : ["--wait-for-source"];
        string[] rest = ["-i", "v4l2:/dev/video-none", "-o", "out.mkv", "--model", "passthrough", "--size", "64x64"];
        var process = _streamdiff.Start(["run", "--config", "run.yaml", .. option, .. rest]);
        while (!File.Exists(_streamdiff.Folder["out.mkv"]))
            Assert.False(process.WaitForExit(100), "it did not wait");
        Streamdiff.Signal(process, PosixSignal.SIGTERM);
        var outcome = Streamdiff.Finish(process);
        Assert.Equal(143, outcome.ExitCode);
        Assert.Contains("v4l2:/dev/video-none: waiting: Camera '/dev/video-none' does not exist", outcome.Error, StringComparison.Ordinal);
    }

    private static int FreeUdpPort()
    {
        using var socket = new System.Net.Sockets.UdpClient(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0));
        return ((System.Net.IPEndPoint)socket.Client.LocalEndPoint!).Port;
    }

    private static string CountFrames(string file)
    {
        using var probe = Process.Start(
            new ProcessStartInfo("ffprobe",
            [
                "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file,
            ])
            { RedirectStandardOutput = true })!;
        return probe.StandardOutput.ReadToEnd().Trim().TrimEnd(',');
    }
}
