using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using StreamDiff.Cli.Tests;

namespace StreamDiff.Bench.Tests.Documentation;

/// <summary>Runs the examples of the documentation as they stand there, in a folder with the files that they name.</summary>
public sealed partial class ExampleTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Examples_ThatNeedNothingElse_Run()
    {
        PrepareFiles();
        var ran = 0;
        foreach (var example in DocumentedCommands.All().DistinctBy(e => e.Line).Where(e => !NeedsMore().IsMatch(e.Line)))
        {
            // Named as an argument, a file is not replaced.
            File.Delete(_streamdiff.Folder["out.mp4"]);
            // What serves goes on until it is told to end.
            using var process = StartExample(example);
            if (Serves().IsMatch(example.Line))
            {
                WaitUntilReady(process, example);
                Streamdiff.Signal(process, PosixSignal.SIGTERM);
            }
            var outcome = Finish(process);
            Assert.True(outcome.Code is 0 or 143, $"{example.File}: '{example.Line}' ended with {outcome.Code}: {outcome.Text}");
            ran++;
        }
        Assert.True(ran >= 20, $"only {ran} examples ran");
    }

    private void PrepareFiles()
    {
        foreach (var (name, seconds) in new[] { ("in.mp4", 1), ("in.mov", 1), ("clip.mp4", 4) })
            Shell($"ffmpeg -v error -f lavfi -i testsrc2=size=64x64:rate=8:duration={seconds} {name}");
        _streamdiff.Folder.Write("changes.txt", "at 00:00.5 steps 1\n");
        _streamdiff.Folder.Write("sessions.yaml",
            "sessions:\n  - name: one\n    input: in.mp4\n    output: one.mp4\n    prompt: neon\n    fps: 8\n"
                + "    size: 64x64\n    deadline: 20000\n");
        foreach (var folder in (string[])["models", "tests"])
            Directory.CreateSymbolicLink(_streamdiff.Folder[folder], Path.Combine(DocumentedCommands.Root, folder));
        var lora = Path.Combine(DocumentedCommands.Root, "models/tiny/loras/dusk.safetensors");
        foreach (var name in (string[])["ink", "grain"])
            File.Copy(lora, _streamdiff.Folder[name + ".safetensors"]);
        Shell("streamdiff run -i in.mp4 -o take.mp4 -p neon --size 64x64 --log take.log");
    }

    private Process StartExample(DocumentedCommand example) => StartShell(
        // A port that is free, and small pictures: what is shown is that the line works, not how long it takes.
        Studio().IsMatch(example.Line) ? example.Line + " --http 127.0.0.1:0"
            : example.Line.Replace("127.0.0.1:8188", "127.0.0.1:0", StringComparison.Ordinal));

    private Process StartShell(string line)
    {
        var script = $"PATH=\"$1:$PATH\"; exec {line}";
        var start = new ProcessStartInfo("env", ["--default-signal=TERM", "bash", "-c", script, "bash", AppContext.BaseDirectory])
        {
            WorkingDirectory = _streamdiff.Folder[[]],
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["XDG_DATA_HOME"] = _streamdiff.Folder["data"];
        return Streamdiff.Guarded(Process.Start(start)!);
    }

    private void Shell(string line)
    {
        using var process = StartShell(line);
        var outcome = Finish(process);
        Assert.True(outcome.Code == 0, $"'{line}': {outcome.Text}");
    }

    private static void WaitUntilReady(Process process, DocumentedCommand example)
    {
        while (process.StandardError.ReadLine() is { } line)
            if (line.Contains("http://127.0.0.1", StringComparison.Ordinal) || line.Contains("one", StringComparison.Ordinal))
                return;
        Assert.Fail($"{example.File}: '{example.Line}' ended by itself");
    }

    private static (int Code, string Text) Finish(Process process)
    {
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result + error);
    }

    // Networks, devices, other models, what takes minutes, what stands for something of the reader's own.
    [GeneratedRegex(@"rtmp:|srt:|udp:|v4l2:|cuda|wan2|14b|\.\.\.|NAME|10\.0\.0\.|--pictures|hosts\.txt|streamdiff-bench|calibrate|simulate"
        + @"|\$\(|setup gpu")]
    private static partial Regex NeedsMore();

    [GeneratedRegex(@"streamdiff (studio|fleet)\b")]
    private static partial Regex Studio();

    [GeneratedRegex(@"^streamdiff (studio|serve|rank|fleet|worker)\b")]
    private static partial Regex Serves();
}
