using System.Runtime.InteropServices;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Logs and results that cannot be written: full disks, closed descriptors, readers that are gone or stand still.</summary>
public sealed class OutputFaultTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("2> /dev/full")]
    [InlineData("2>&-")]
    [InlineData("> /dev/full 2>&1")]
    [InlineData(">&- 2>&- <&-")]
    [InlineData("2>&1 | true")]
    [InlineData("--log-format json --verbose > /dev/full 2>&1")]
    [InlineData("--log-format json 2>&-")]
    public void Run_ALogThatCannotBeWritten_FinishesItsVideo(string redirection) =>
        FinishesItsVideo($"set -o pipefail; \"$0\" \"$@\" {redirection}");

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_ALogThatNobodyReads_FinishesItsVideo() =>
        // A pipe that is full already, and stays so.
        FinishesItsVideo(
            "[ -p log ] || mkfifo log; sleep 1000 < log > /dev/null 2>&1 & exec 2> log; "
            + "dd if=/dev/zero of=log bs=1 count=1M oflag=nonblock > /dev/null 2>&1; \"$0\" \"$@\"; code=$?; kill %1; exit $code");

    [Theory]
    [InlineData("2>&-")]
    [InlineData("2>&1 | true")]
    public void Serve_ALogThatCannotBeWritten_EndsAsAsked(string redirection)
    {
        File.WriteAllText(_streamdiff.Folder["s.yaml"],
            "model: passthrough\nsize: 64x64\nsessions:\n  - name: one\n"
                + "    input: test:testsrc2?size=64x64&duration=0\n    output: a.mp4\n");
        // A command that is none is answered with a line, which cannot be written either.
        var outcome = Streamdiff.Finish(_streamdiff.StartShell(
            $"set -o pipefail; (echo nonsense; until [ -s a.mp4 ]; do sleep 0.1; done; echo quit) | \"$0\" \"$@\" {redirection}", "serve",
                "--config", "s.yaml"));
        Assert.Equal(ExitCode.Ok, outcome.ExitCode);
        Assert.True(CountFrames("a.mp4") >= 1);
    }

    [Theory]
    [InlineData("> /dev/full", "No space left on device")]
    [InlineData(">&-", "Bad file descriptor")]
    [InlineData("| true", "Broken pipe")]
    public void Results_ThatCannotBeWritten_AreOneLineAndACode(string redirection, string reason)
    {
        // The reader is gone for certain before anything is written.
        var outcome = Streamdiff.Finish(_streamdiff.StartShell(
            redirection == "| true" ? "set -o pipefail; (sleep 1; exec \"$0\" \"$@\") | true" : $"\"$0\" \"$@\" {redirection}",
            "models", "list"));
        Assert.Equal(ExitCode.Failed, outcome.ExitCode);
        Assert.Contains(reason, Assert.Single(outcome.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("> /dev/full 2>&1", ExitCode.Failed, "models", "list")]
    [InlineData("2> /dev/full", ExitCode.Usage, "run", "--no-such-option")]
    [InlineData("2>&-", ExitCode.Usage, "run", "--no-such-option")]
    [InlineData("2> /dev/full", ExitCode.Ok, "models", "list")]
    public void Errors_ThatCannotBeSaid_AreTheirCode(string redirection, int code, params string[] args) =>
        Assert.Equal(code, Streamdiff.Finish(_streamdiff.StartShell($"\"$0\" \"$@\" {redirection}", args)).ExitCode);

    [Fact]
    [Trait("Category", "Slow")]
    public void Results_ForASlowReader_AreComplete()
    {
        var whole = _streamdiff.Run("run", "--help").Output;
        var outcome = Streamdiff.Finish(_streamdiff.StartShell("\"$0\" \"$@\" | (sleep 3; cat)", "run", "--help"));
        Assert.Equal((ExitCode.Ok, whole), (outcome.ExitCode, outcome.Output));
    }

    [Fact]
    public void Run_ATerminalThatGoesAway_LeavesAWholeFile()
    {
        var process = _streamdiff.Start("run", "--model", "passthrough", "-i", "test:testsrc2?size=160x96&duration=0", "-o", "a.mp4",
            "--size", "160x96");
        while (!File.Exists(_streamdiff.Folder["a.mp4"]) || new FileInfo(_streamdiff.Folder["a.mp4"]).Length < 60_000)
            Assert.False(process.WaitForExit(100));
        Streamdiff.Signal(process, PosixSignal.SIGHUP);
        Assert.Equal(129, Streamdiff.Finish(process).ExitCode);
        // An index in front is what only a file that was finished has.
        var start = File.ReadAllBytes(_streamdiff.Folder["a.mp4"]).AsSpan();
        Assert.True(start.IndexOf("moov"u8) < start.IndexOf("mdat"u8) && start.IndexOf("moof"u8) < 0);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_UnderNohup_OutlivesItsTerminal()
    {
        _streamdiff.IsStartedByADeafCaller = false;
        var process = _streamdiff.StartShell("trap '' HUP; exec \"$0\" \"$@\"", "run", "--model", "passthrough", "-i",
            "test:testsrc2?size=64x64&duration=3", "-o", "a.mp4", "--size", "64x64");
        while (!File.Exists(_streamdiff.Folder["a.mp4"]))
            Assert.False(process.WaitForExit(100));
        Streamdiff.Signal(process, PosixSignal.SIGHUP);
        Assert.Equal(ExitCode.Ok, Streamdiff.Finish(process).ExitCode);
    }

    private void FinishesItsVideo(string script)
    {
        var name = "";
        var outcome = Streamdiff.RunLongEnough(
            seconds => Streamdiff.Finish(_streamdiff.StartShell(script, "run", "--model", "passthrough", "-i",
                $"test:testsrc2?size=64x64&duration={seconds - 1}", "--size", "64x64", "-o", name = $"a{seconds}.mp4")),
            o => o.ExitCode != ExitCode.NothingDelivered);
        Assert.Equal(ExitCode.Ok, outcome.ExitCode);
        Assert.True(CountFrames(name) >= 1);
    }

    private int CountFrames(string name)
    {
        var start = new System.Diagnostics.ProcessStartInfo("ffprobe", ["-v", "error", "-select_streams", "v", "-count_packets",
            "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", _streamdiff.Folder[name]])
        {
            RedirectStandardOutput = true,
        };
        using var probe = System.Diagnostics.Process.Start(start)!;
        return int.Parse(probe.StandardOutput.ReadToEnd(), System.Globalization.CultureInfo.InvariantCulture);
    }
}
