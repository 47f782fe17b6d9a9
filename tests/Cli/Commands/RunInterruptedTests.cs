using System.Diagnostics;
using System.Runtime.InteropServices;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Ctrl+C in the middle of a real run.</summary>
public sealed class RunInterruptedTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void Run_Interrupted_LeavesAPlayableFile()
    {
        var process = _streamdiff.Start("run", "-i", "test:testsrc2?size=320x192&rate=30&duration=600", "-o", "out.mp4", "--size", "64x64",
            "--steps", "1", "--threads", "1");
        // The first line with frames comes after two seconds, when the encoder has something to keep.
        string? line;
        do
            line = process.StandardError.ReadLine();
        while (line is not null && !line.Contains(" fps", StringComparison.Ordinal));
        Streamdiff.Signal(process, PosixSignal.SIGINT);
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(130, outcome.ExitCode);
        Assert.StartsWith("stopped early: ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(outcome.Output.Split(' ')[2], CountFrames(_streamdiff.Folder["out.mp4"]));
    }

    [Fact]
    public void Run_EndedAtOnce_LeavesAPlayableFile() => Run_EndedAtOnceByAnotherWay_LeavesAPlayableFile("out.mp4", twoSignals: false);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("out.mkv", false)]
    [InlineData("out.mp4", true)]
    public void Run_EndedAtOnceByAnotherWay_LeavesAPlayableFile(string name, bool twoSignals)
    {
        File.WriteAllText(_streamdiff.Folder[name], "old");
        var process = _streamdiff.Start("run", "-i", "test:testsrc2?size=64x64&rate=30&duration=600", "-o", name, "--size", "64x64",
            "--steps", "1", "--threads", "1", "-p", "x");
        while (new FileInfo(_streamdiff.Folder[name]).Length < 1000)
            Assert.False(process.WaitForExit(50));
        if (twoSignals)
        {
            Streamdiff.Signal(process, PosixSignal.SIGINT);
            while (process.StandardError.ReadLine() is { } line && !line.Contains("press Ctrl+C again", StringComparison.Ordinal))
            {
            }
            Streamdiff.Signal(process, PosixSignal.SIGINT);
        }
        else
            process.Kill();
        Assert.NotEqual(0, Streamdiff.Finish(process).ExitCode);

        Assert.True(int.Parse(CountFrames(_streamdiff.Folder[name]), System.Globalization.CultureInfo.InvariantCulture) > 0);
        Assert.DoesNotContain(Directory.GetFiles(_streamdiff.Folder[[]]), f => f.EndsWith(".partial", StringComparison.Ordinal));
    }

    [Fact]
    public void Run_InterruptedBeforeItsFirstFrame_LeavesTheOldFile()
    {
        File.WriteAllText(_streamdiff.Folder["out.mp4"], "precious");
        // On a fast machine a frame may be through when the signal comes; then the file is a whole one.
        var process = _streamdiff.Start("run", "-i", "test:testsrc2?size=64x64&rate=30&duration=600", "-o", "out.mp4", "--size", "64x64",
            "--steps", "1", "--threads", "1", "-p", "x");
        while (process.StandardError.ReadLine() is { } line && !line.StartsWith("restyling", StringComparison.Ordinal))
        {
        }
        Streamdiff.Signal(process, PosixSignal.SIGINT);
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(130, outcome.ExitCode);
        if (outcome.Output.Contains("nothing was written", StringComparison.Ordinal))
            Assert.Equal("precious", File.ReadAllText(_streamdiff.Folder["out.mp4"]));
        else
            Assert.NotEqual("0", CountFrames(_streamdiff.Folder["out.mp4"]));
        Assert.DoesNotContain(Directory.GetFiles(_streamdiff.Folder[[]]), f => f.EndsWith(".partial", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_DiskFull_KeepsWhatWasWrittenAndFinishesTheOtherOutput()
    {
        // A limit on the size of files stands for the end of the disk: it needs no privilege. It begins when the outputs do, for libtorch
        // and the runtime have files of their own.
        var process = _streamdiff.StartShell("trap '' XFSZ; exec \"$0\" \"$@\"",
            "run", "-i", "test:testsrc2?size=320x192&rate=30&duration=600", "-o", "full.mp4", "-o", "other.mkv", "--codec", "mpeg4",
            "--size", "64x64", "--steps", "1",
            "--threads", "1", "-p", "x");
        while (!File.Exists(_streamdiff.Folder["full.mp4"]))
            Assert.False(process.WaitForExit(50), "it ended before its first frame");
        using (var limit = Process.Start("prlimit", ["--pid", $"{process.Id}", "--fsize=120000"]))
            limit.WaitForExit();
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("cannot be written", Assert.Single(outcome.Problems), StringComparison.Ordinal);
        foreach (var name in (string[])["full.mp4", "other.mkv"])
            Assert.True(int.Parse(CountFrames(_streamdiff.Folder[name]), System.Globalization.CultureInfo.InvariantCulture) > 10);
        Assert.Equal(2, Directory.GetFiles(_streamdiff.Folder[[]]).Length);
    }

    private static string CountFrames(string file)
    {
        using var probe = Process.Start(
            new ProcessStartInfo("ffprobe",
            [
                "-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file,
            ])
            { RedirectStandardOutput = true })!;
        return probe.StandardOutput.ReadToEnd().Trim();
    }
}
