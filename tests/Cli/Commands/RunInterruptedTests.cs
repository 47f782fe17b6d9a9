using System.Diagnostics;
using System.Runtime.InteropServices;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Ctrl+C in the middle of a real run.</summary>
public sealed class RunInterruptedTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Theory]
    [InlineData(PosixSignal.SIGINT, 130)]
    [InlineData(PosixSignal.SIGTERM, 143)]
    public void Run_Interrupted_LeavesAPlayableFile(PosixSignal signal, int code)
    {
        var process = _streamdiff.Start("run", "-i", "test:testsrc2?size=320x192&rate=30&duration=600", "-o", "out.mp4", "--size", "64x64", "--steps", "1", "--threads", "1");
        // The first line with frames comes after two seconds, when the encoder has something to keep.
        string? line;
        do
            line = process.StandardError.ReadLine();
        while (line is not null && !line.Contains(" fps", StringComparison.Ordinal));
        Streamdiff.Signal(process, signal);
        var outcome = Streamdiff.Finish(process);

        Assert.Equal(code, outcome.ExitCode);
        Assert.StartsWith("stopped early: ", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(outcome.Output.Split(' ')[2], CountFrames(_streamdiff.Folder["out.mp4"]));
    }

    private static string CountFrames(string file)
    {
        using var probe = Process.Start(new ProcessStartInfo("ffprobe", ["-v", "error", "-count_frames", "-select_streams", "v", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", file]) { RedirectStandardOutput = true })!;
        return probe.StandardOutput.ReadToEnd().Trim();
    }
}
