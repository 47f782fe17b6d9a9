using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>With <c>--log-format json</c> a program reads every line that a command writes, whoever says it and why it ends.</summary>
public sealed class JsonLogTests : IDisposable
{
    private static readonly string[] Json = ["--log-format", "json"];
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void File_NotesProgressConfigurationAndOutcome_AreObjects()
    {
        // FFmpeg's own lines come from a library.
        _streamdiff.Environment["STREAMDIFF_FFMPEG_LOG"] = "info";
        var lines = Lines(_streamdiff.Run(["run", "-i", "test:testsrc2?size=70x65&rate=8&duration=1", "-o", "a.mp4", "--size", "70x65",
            "--threads", "1", "-p", "sepia", "--verbose", .. Json]), ExitCode.Ok);
        Assert.Contains(lines, l => Is(l, "state", "note") && Text(l).StartsWith("the model works on multiples", StringComparison.Ordinal));
        Assert.Contains(lines, l => Text(l).StartsWith("size: 64x64", StringComparison.Ordinal));
        Assert.Contains(lines, l => Is(l, "part", "library") && Text(l).Contains("libx264", StringComparison.Ordinal));
        var result = Assert.Single(lines, l => Is(l, "kind", "result"));
        Assert.Equal(8, result.GetProperty("framesOut").GetInt64());
        Assert.Equal("a.mp4", result.GetProperty("outputs")[0].GetString());
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Replay_AndItsComparison_AreObjects()
    {
        const string Input = "test:testsrc2?size=64x64&rate=8&duration=1";
        Lines(_streamdiff.Run(["run", "-i", Input, "-o", "null:", "-s", "64x64", "--threads", "1", "--log", "take.log", .. Json]),
            ExitCode.Ok);
        var lines = Lines(_streamdiff.Run(["replay", "take.log", "-i", Input, "-o", "null:", .. Json]), ExitCode.Ok);
        Assert.True(Assert.Single(lines, l => Is(l, "kind", "comparison")).GetProperty("isAsExpected").GetBoolean());
        Lines(_streamdiff.Run(["replay", "none.log", "-i", Input, "-o", "null:", .. Json]), ExitCode.Usage);
    }

    [Theory]
    [InlineData("run --log-format json --no-such-option \"x\"")]
    [InlineData("run -i none.mp4 -o a.mp4 --log-format=json")]
    [InlineData("run --log-format json --log-format json")]
    [InlineData("serve --log-format json")]
    [InlineData("serve --config none.yaml --log-format:json")]
    [InlineData("studio --log-format json --http nowhere")]
    [InlineData("rank --listen nowhere --log-format json --dtype int3")]
    [InlineData("replay --log-format json")]
    public void MistakesOnTheCommandLine_AreObjects(string line)
    {
        var lines = Lines(_streamdiff.Run(line.Split(' ')), ExitCode.Usage);
        Assert.Contains(lines, l => Is(l, "level", "error"));
    }

    [Theory]
    [InlineData("run --model passthrough --size 160x96 -i test:testsrc2?size=160x96&duration=0 -o a.mp4 -o rtmp://127.0.0.1:1/live/key")]
    [InlineData("rank --listen 127.0.0.1:0 --threads 1")]
    [InlineData("studio --http 127.0.0.1:0 --data studio --model passthrough")]
    public void EndedBySigterm_TheLastWordsAreObjectsToo(string line)
    {
        var process = _streamdiff.Start([.. line.Split(' '), .. Json]);
        // The first line says that it is under way.
        var first = process.StandardError.ReadLine();
        Streamdiff.Signal(process, PosixSignal.SIGTERM);
        var lines = Lines(Streamdiff.Finish(process), ExitCode.Signal + 15);
        Assert.Equal(JsonValueKind.Object, JsonDocument.Parse(first!).RootElement.ValueKind);
        Assert.Contains(lines, l => Text(l).StartsWith("stopping", StringComparison.Ordinal));
    }

    [Fact]
    public void TextWithQuotesAndSecrets_StaysOneObjectWithoutThem()
    {
        var lines = Lines(_streamdiff.Run(["run", "-i", "rtmp://nobody.invalid/live/topsecret?token=abc\"", "-o", "null:", "--model",
            "passthrough", .. Json]), ExitCode.Failed);
        Assert.All(lines, l => Assert.DoesNotContain("topsecret", l.ToString(), StringComparison.Ordinal));
        Assert.All(lines, l => Assert.DoesNotContain("abc", l.ToString(), StringComparison.Ordinal));
    }

    private static List<JsonElement> Lines(Streamdiff.Outcome outcome, int code)
    {
        var lines = outcome.ErrorLines.Concat(outcome.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            .Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.All(lines, l => Assert.Equal(JsonValueKind.String, l.GetProperty("kind").ValueKind));
        Assert.Equal(code, outcome.ExitCode);
        return lines;
    }

    private static bool Is(JsonElement line, string name, string value) =>
        line.TryGetProperty(name, out var found) && found.ValueKind == JsonValueKind.String && found.GetString() == value;

    private static string Text(JsonElement line) => line.TryGetProperty("text", out var text) ? text.GetString()! : "";
}
