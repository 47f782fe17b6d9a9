using System.Text.Json;
using StreamDiff.Cli.Serve;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Many sessions in one process, as a user starts and stops them.</summary>
public sealed class ServeCommandTests : IDisposable
{
    private const string Source = "test:testsrc2?size=64x64&rate=8&duration=0";
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void Serve_SessionsOfAFileAndByCommand_ComeAndGo()
    {
        File.WriteAllText(_streamdiff.Folder["sessions.yaml"], $"""
            model: tiny
            device: cpu
            size: 70x65
            fps: 3
            steps: 1
            deadline: 20000
            sessions:
              - name: one
                input: {Source}
                output: [one.mkv, "null:"]
                prompt: a watercolor
              - name: two
                input: {Source}
                output: two.mkv
                ladder: [fewer-steps, drop]
                weight: 2
            """);
        var process = _streamdiff.Start(input: true, "serve", "--config", "sessions.yaml");
        WaitFor(process, "one.mkv");
        // A busy machine may have no room for the second one at first, and says so.
        for (var looks = 1; !File.Exists(_streamdiff.Folder["two.mkv"]); looks++)
        {
            Assert.False(process.WaitForExit(100), "it ended before two.mkv was written");
            if (looks % 50 == 0)
                process.StandardInput.WriteLine($"start two --input {Source} --output two.mkv");
        }
        WaitFor(process, "two.mkv");
        // Room for another one, also where other programs make everything slow.
        process.StandardInput.WriteLine("stop two");
        process.StandardInput.WriteLine("one prompt \"picasso\" blend 2");
        process.StandardInput.WriteLine("start four --input nowhere.mp4 --output null: --colour red");
        process.StandardInput.WriteLine($"start five --input {Source} --output ./one.mkv");
        process.StandardInput.WriteLine($"start six --input {Source} --output sessions.yaml");
        process.StandardInput.WriteLine("stop nobody");
        // A busy machine may have no room for it at first, and says so.
        while (!File.Exists(_streamdiff.Folder["three.mkv"]))
        {
            process.StandardInput.WriteLine($"start three --input {Source} --output three.mkv --prompt \"a mosaic\"");
            Assert.False(process.WaitForExit(1000), "it ended before three.mkv was written");
        }
        WaitFor(process, "three.mkv");
        process.StandardInput.WriteLine("list");
        process.StandardInput.WriteLine("quit");
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(["one", "three"], outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l[..l.IndexOf(':')]));
        Assert.Contains(
            "note: the model works on multiples of 16 pixels, at least 64: size 64x64 is used instead of 70x65", outcome.ErrorLines);
        Assert.Matches("session one: note: tiny takes 'a watercolor' for watercolor\n", outcome.Error);
        Assert.Contains("! session one: note: tiny knows no word of 'picasso' and ", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("session one: changed:", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("error: colour is no option of a session", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("error: session four: input nowhere.mp4 does not exist", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("error: output ./one.mkv of session five and output one.mkv of session one are one file", outcome.Error,
            StringComparison.Ordinal);
        Assert.Contains("error: session six: output sessions.yaml is the sessions file itself", outcome.Error, StringComparison.Ordinal);
        Assert.Contains("error: there is no session named nobody", outcome.Error, StringComparison.Ordinal);
        Assert.Matches("2 sessions, load [0-9]+ %, lanes 2 of 16", outcome.Error);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Serve_LogFormatJson_EveryLineIsAnObjectWithItsSession()
    {
        File.WriteAllText(_streamdiff.Folder["sessions.yaml"], $"""
            size: 64x64
            fps: 8
            steps: 1
            device: cpu
            sessions:
              - name: one
                input: {Source}
                output: one.mkv
                prompt: a mosaic
                deadline: 20000
              - name: gone
                input: v4l2:/dev/video-none
                output: gone.mkv
                prompt: a mosaic
                deadline: 20000
              - name: hasty
                input: {Source}
                output: "null:"
                prompt: a mosaic
                deadline: 50
            """);
        var process = _streamdiff.Start(input: true, "serve", "--config", "sessions.yaml", "--log-format", "json");
        WaitFor(process, "one.mkv");
        Assert.False(File.Exists(_streamdiff.Folder["gone.mkv"]));
        process.StandardInput.WriteLine("two steps 3");
        process.StandardInput.WriteLine("quit");
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(ExitCode.SessionFailed, outcome.ExitCode);
        var told = outcome.ErrorLines.Select(l => JsonDocument.Parse(l).RootElement).ToList();
        string? Of(JsonElement line, string name) =>
            line.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        Assert.Contains(told, l => (Of(l, "kind"), Of(l, "session"), Of(l, "state")) == ("event", "one", "started"));
        Assert.Contains(told, l => (Of(l, "session"), Of(l, "state")) == ("one", "first picture"));
        var failed = Assert.Single(told, l => Of(l, "state") == "failed");
        Assert.Equal("gone", Of(failed, "session"));
        Assert.StartsWith("Camera '/dev/video-none' does not exist", Of(failed, "text"), StringComparison.Ordinal);
        Assert.Contains(told, l => Of(l, "level") == "error"
            && Of(l, "text")!.StartsWith("session hasty is not admitted: its frames would take", StringComparison.Ordinal));
        Assert.Contains(told,
            l => Of(l, "level") == "error" && Of(l, "text")!.StartsWith("'two' is no command and no session", StringComparison.Ordinal));
        var results = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)
            .ToList();
        Assert.Equal(["result", "result"], results.Select(r => Of(r, "kind")));
        Assert.Equal("one", Of(results[0], "session"));
        Assert.True(results[0].GetProperty("framesOut").GetInt64() > 0);
        Assert.Equal(1, results[1].GetProperty("sessions").GetInt32());
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Serve_SessionsAtOnePort_AreToldApartByKeyAndStreamId()
    {
        // RTMP and SRT at one number: the one is TCP, the other UDP.
        string at;
        using (var free = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0))
        {
            free.Start();
            var port = ((System.Net.IPEndPoint)free.LocalEndpoint).Port;
            at = $"127.0.0.1:{port}";
        }
        (string Name, string Own, string Theirs)[] sessions =
        [
            ("one", $"rtmp://{at}/live/one?listen=1", $"-f flv rtmp://{at}/live/one"),
            ("two", $"rtmp://{at}/live/two?listen=1", $"-f flv rtmp://{at}/live/two"),
            ("three", $"srt://{at}?mode=listener&streamid=three", $"-f mpegts srt://{at}?streamid=three"),
            ("four", $"srt://{at}?mode=listener&streamid=four", $"-f mpegts srt://{at}?streamid=four"),
        ];
        File.WriteAllText(_streamdiff.Folder["sessions.yaml"], "model: passthrough\nsize: 64x64\nfps: 8\nsessions:\n" + string.Concat(
            sessions.Select(s => $"  - name: {s.Name}\n    input: '{s.Own}'\n    output: 'null:'\n")));
        var process = _streamdiff.Start(input: true, "serve", "--config", "sessions.yaml", "--log-format", "json");
        var senders = sessions.Select(s => System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("bash",
        [
            "-c",
            "until ffmpeg -v quiet -nostdin -re -f lavfi -i testsrc2=size=64x64:rate=8 -c:v libx264 -g 8 -t 600 $0; do sleep 0.2; done",
            s.Theirs,
        ]))!).ToList();
        try
        {
            var waiting = sessions.Select(s => s.Name).ToHashSet();
            while (waiting.Count > 0)
            {
                using var line = JsonDocument.Parse(process.StandardError.ReadLine() ?? throw new InvalidOperationException("it ended"));
                if (line.RootElement.TryGetProperty("state", out var state) && state.GetString() == "open"
                    && line.RootElement.GetProperty("part").GetString()!.StartsWith("source", StringComparison.Ordinal))
                    waiting.Remove(line.RootElement.GetProperty("session").GetString()!);
            }
            // Their figures come once a second.
            var counted = new HashSet<string>();
            process.StandardInput.WriteLine("list");
            while (counted.Count < sessions.Length)
            {
                using var line = JsonDocument.Parse(process.StandardError.ReadLine() ?? throw new InvalidOperationException("it ended"));
                if (line.RootElement.TryGetProperty("framesIn", out var frames) && frames.GetInt64() > 0)
                    counted.Add(line.RootElement.GetProperty("session").GetString()!);
                // The last of a list is the server itself.
                if (line.RootElement.TryGetProperty("sessions", out _))
                    process.StandardInput.WriteLine("list");
            }
            process.StandardInput.WriteLine("quit");
            var outcome = Streamdiff.Finish(process);
            Assert.Equal(0, outcome.ExitCode);
            var results = outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)
                .Where(r => r.TryGetProperty("session", out _)).ToDictionary(r => r.GetProperty("session").GetString()!);
            foreach (var (name, own, _) in sessions)
            {
                Assert.True(results[name].GetProperty("framesIn").GetInt64() > 0);
                var link = results[name].GetProperty("link");
                Assert.Equal(own.StartsWith("srt", StringComparison.Ordinal), link.ValueKind == JsonValueKind.Object);
                Assert.True(link.ValueKind == JsonValueKind.Null || link.GetProperty("rttMs").GetDouble() > 0);
            }
        }
        finally
        {
            foreach (var sender in senders)
            {
                sender.Kill(entireProcessTree: true);
                sender.Dispose();
            }
        }
    }

    [Fact]
    public void Serve_WrongFile_TellsEverythingWithItsLine()
    {
        File.WriteAllText(_streamdiff.Folder["s.yaml"], """
            lanes: 0
            modle: tiny
            input: test:testsrc2
            log: take.log
            sessions:
              - input: test:testsrc2
                output: "null:"
              - name: two
                input: test:testsrc2
                output: "null:"
                model: other
                ladder: [fewer-steps, worse-sound]
                steps: 9
            """);
        var outcome = _streamdiff.Run("serve", "--config", "s.yaml");
        Assert.Equal(2, outcome.ExitCode);
        string[] expected =
        [
            "s.yaml:1 lanes must be from 1 to 1024, not 0", "s.yaml:2 modle is not known: did you mean 'model'?",
            "s.yaml:3 input is a session's own: give it under sessions", "s.yaml:4 log is a session's own: give it under sessions",
            "s.yaml:6 needs a name without spaces",
            "s.yaml:12 ladder must be fewer-steps or tiny-vae or lower-resolution or lower-fps or drop, not 'worse-sound'",
            "s.yaml:13 steps must be from 1 to 4, not 9", "s.yaml:11 model is the whole server's: give it outside of the sessions",
        ];
        Assert.Equal(expected.Select(e => $"error: {e}"), outcome.Problems);
    }

    [Theory]
    [InlineData("start a --prompt \"two words\"", "start", "a", "--prompt", "two words")]
    [InlineData("  x\t\"\" \"say \\\"a\\\\b\\\"\" ", "x", "", "say \"a\\b\"")]
    [InlineData("")]
    public void Words_Quoted_AreKeptTogether(string line, params string[] words) => Assert.Equal(words, ServeDesk.Words(line));

    // More than a header: pictures have been written.
    private void WaitFor(System.Diagnostics.Process process, params string[] files)
    {
        var patience = System.Diagnostics.Stopwatch.StartNew();
        foreach (var file in files)
            while (!File.Exists(_streamdiff.Folder[file]) || new FileInfo(_streamdiff.Folder[file]).Length < 6000)
            {
                Assert.False(process.WaitForExit(100), $"it ended before {file} was written");
                if (patience.Elapsed > TimeSpan.FromMinutes(3))
                {
                    process.Kill();
                    Assert.Fail($"{file} was not written: {process.StandardError.ReadToEnd()}");
                }
            }
    }
}
