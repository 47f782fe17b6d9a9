using System.Diagnostics;
using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Ranks as processes of their own, as a user starts them.</summary>
public sealed class RankCommandTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();
    private readonly RankProcesses _ranks;

    public RankCommandTests() => _ranks = new RankProcesses(_streamdiff);

    public void Dispose()
    {
        _ranks.Dispose();
        _streamdiff.Dispose();
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_TwoRankProcesses_GivesTheFileThatOneRankGives()
    {
        var one = Restyle("one.mkv");
        var ranks = $"{_ranks.Start()},{_ranks.Start()}";
        Same(one, Restyle("two.mkv", "--ranks", ranks));
        // The same ranks serve the next run, here together with one of this process.
        Same(one, Restyle("three.mkv", "--ranks", $"cpu,{ranks}", "--vae-device", "cpu"));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Interrupted_FinishesTheFile()
    {
        Process run;
        string? line;
        bool isTooSlow;
        var left = 5;
        do
        {
            run = _streamdiff.Start("run", "-i", "test:scene?size=64x64&rate=30&duration=600", "-s", "64x64", "-o", "out.mp4", "-p", "x",
                "--ranks", $"cpu,{_ranks.Start()}", "--threads", "1");
            isTooSlow = false;
            while ((line = run.StandardError.ReadLine()) is not null && !line.Contains(" fps", StringComparison.Ordinal))
                isTooSlow |= RankProcesses.TellsOfSlowness(line);
        }
        while (line is null && isTooSlow && --left > 0);
        Streamdiff.Signal(run, System.Runtime.InteropServices.PosixSignal.SIGINT);
        var outcome = Streamdiff.Finish(run);
        Assert.Equal(130, outcome.ExitCode);
        Assert.StartsWith("stopped early: ", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_RankKilled_StillWritesEveryFrame()
    {
        Streamdiff.Outcome outcome;
        bool isTooSlow;
        var left = 5;
        do
        {
            var (survivor, victim) = (_ranks.Start(), _ranks.Start());
            var run = _streamdiff.Start("run", "-i", "test:scene?size=64x64&rate=30&duration=6", "-s", "64x64", "-o", "null:", "-p", "x",
                "--ranks", $"{survivor},{victim}");
            // The first progress line says that frames come out.
            isTooSlow = false;
            while (run.StandardError.ReadLine() is { } progress && !progress.Contains("/180 frames", StringComparison.Ordinal))
                isTooSlow |= RankProcesses.TellsOfSlowness(progress);
            _ranks[_ranks.Count - 1].Kill();
            outcome = Streamdiff.Finish(run);
        }
        while (isTooSlow && outcome.ExitCode != 0 && --left > 0);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("180 frames in", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("rebuilt on 1 ranks", outcome.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RankOfAnotherType_IsRefusedWithTheReason()
    {
        var outcome = _streamdiff.RunOnRanks("run", "-i", "test:scene?duration=1", "-o", "null:", "--dtype", "float32", "--ranks",
            $"cpu,{_ranks.Start("--dtype", "bfloat16")}");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("its type is BFloat16, the caller's is Float32", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_RankWithAnotherSecret_IsRefused()
    {
        foreach (var name in (string[])["secret", "another"])
            Assert.Equal(0, _streamdiff.Run("secret", name).ExitCode);
        // The rank is given it in the one way, the runs in the other.
        _streamdiff.Environment["STREAMDIFF_RANK_SECRET"] = File.ReadAllText(_streamdiff.Folder["secret"]);
        var address = _ranks.Start();
        _ = _streamdiff.Environment.Remove("STREAMDIFF_RANK_SECRET");
        Assert.Contains("does not know the secret", Assert.Single(Run(address).Problems), StringComparison.Ordinal);
        Assert.Contains("does not know the secret", Assert.Single(Run(Hosts("another")).Problems), StringComparison.Ordinal);
        Assert.Equal(0, Run(Hosts("secret")).ExitCode);

        string Hosts(string secret)
        {
            File.WriteAllText(_streamdiff.Folder["hosts"], $"# where the ranks are\n{address}\nsecret-file: {secret}\n");
            return "hosts";
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void RankAndRun_SecretThatSomebodyThoughtOf_IsRefusedWithTheFileAndTheCommand()
    {
        File.WriteAllText(_streamdiff.Folder["weak"], "one thing\n");
        Refuses("secret-file weak", _streamdiff.Run("rank", "--listen", "127.0.0.1:0", "--secret-file", "weak"));
        File.WriteAllText(_streamdiff.Folder["hosts"], "127.0.0.1:1\nsecret-file: weak\n");
        Refuses("secret-file weak", Run("hosts"));
        _streamdiff.Environment["STREAMDIFF_RANK_SECRET"] = "one thing";
        Refuses("STREAMDIFF_RANK_SECRET", _streamdiff.Run("rank", "--listen", "127.0.0.1:0"));
        Refuses("STREAMDIFF_RANK_SECRET", Run("127.0.0.1:1"));

        void Refuses(string what, Streamdiff.Outcome outcome)
        {
            Assert.Equal(1, outcome.ExitCode);
            var problem = Assert.Single(outcome.Problems);
            Assert.StartsWith($"error: {what} does not hold 32 random bytes", problem, StringComparison.Ordinal);
            Assert.Contains("'streamdiff secret FILE' makes such a secret", problem, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Secret_NewFile_IsItsOwnersAloneAndNothingIsReplaced()
    {
        var made = _streamdiff.Run("secret", "secret");
        Assert.Equal(0, made.ExitCode);
        Assert.Contains("secret holds a new secret", Assert.Single(made.ErrorLines), StringComparison.Ordinal);
        var content = File.ReadAllText(_streamdiff.Folder["secret"]);
        Assert.Equal(32, Convert.FromBase64String(content).Length);
        var stat = new ProcessStartInfo("stat", ["-c", "%a", _streamdiff.Folder["secret"]]) { RedirectStandardOutput = true };
        using (var mode = Process.Start(stat)!)
            Assert.Equal("600\n", mode.StandardOutput.ReadToEnd());

        File.CreateSymbolicLink(_streamdiff.Folder["link"], "nothing");
        Refused("secret", "secret is there already and is not replaced: give another name");
        Refused("link", "link is there already and is not replaced: give another name");
        Refused("nowhere/secret", "the folder of secret nowhere/secret does not exist");
        Refused("", "secret needs the name of a file");
        Assert.Equal(content, File.ReadAllText(_streamdiff.Folder["secret"]));

        void Refused(string name, string problem)
        {
            var refused = _streamdiff.Run("secret", name);
            Assert.NotEqual(0, refused.ExitCode);
            Assert.Equal($"error: {problem}", Assert.Single(refused.Problems));
        }
    }

    [Theory]
    [InlineData("gpu0", "ranks must be devices such as cuda:0,cuda:1, addresses such as host:7000, or a file with one a line, not 'gpu0'")]
    [InlineData("host:7000,cpu", "ranks: the devices of this process come first, cpu after host:7000 does not")]
    [InlineData("cpu,cpu,cpu,cpu,cpu,cpu,cpu", "7 ranks cannot share the 6 blocks of tiny")]
    public void Run_BadRanks_IsUsageError(string ranks, string problem)
    {
        var outcome = _streamdiff.Run("run", "-i", "test:scene", "-o", "null:", "--ranks", ranks);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains($"error: {problem}", outcome.ErrorLines);
    }

    [Fact]
    public void Run_NoRankThere_SaysWhatToStart()
    {
        var outcome = _streamdiff.Run("run", "-i", "test:scene", "-o", "null:", "--ranks", "127.0.0.1:1");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(
            "is 'streamdiff rank --listen 127.0.0.1:1' running there?", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Rank_ReachableFromElsewhereWithoutSecret_IsRefused()
    {
        var outcome = _streamdiff.Run("rank", "--listen", "0.0.0.0:0");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("--secret-file", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_FourH100_PrintsPartitionRateAndMemory()
    {
        var outcome = _streamdiff.Run("plan", "--model", "14b", "--devices", "4xH100", "--slo", "30");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("rank 3  H100", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("published on 4 H100: 33.36", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("30 frames per second: reached", outcome.Output, StringComparison.Ordinal);
        Assert.Equal(1, _streamdiff.Run("plan", "--model", "14b", "--devices", "H100", "--slo", "30").ExitCode);
    }

    [Fact]
    public void Plan_WithTaehvAndFloat8_IsForDevicesThatWereMeasuredWithThem()
    {
        string[] plan = ["plan", "--model", "14b", "--vae", "taehv", "--precision", "fp8", "--slo", "30", "--devices"];
        var outcome = _streamdiff.Run([.. plan, "H200"]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("2 steps, TAEHV, float8", outcome.Output, StringComparison.Ordinal);
        // The first and the last of 40 blocks stay in bfloat16.
        Assert.Matches(@"\(14\.8 weights", outcome.Output);
        Assert.Equal(1, _streamdiff.Run("plan", "--model", "14b", "--slo", "30", "--devices", "H200").ExitCode);
        Assert.Equal(
            ["error: --vae taehv was not measured on H100: leave it out, or plan with H200",
                "error: --precision fp8 was not measured on H100: leave it out, or plan with H200"],
            _streamdiff.Run([.. plan, "H100"]).Problems);
    }

    [Fact]
    public void Plan_DevicesHere_SaysWhatMeasuresThem()
    {
        var outcome = _streamdiff.Run("plan", "--model", "tiny", "--devices", "cpu,cpu");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(
            "'streamdiff-bench ranks' measures devices and ranks that are here", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    private Streamdiff.Outcome Run(string ranks) =>
        _streamdiff.RunOnRanks("run", "-i", "test:scene?size=64x64&duration=0.2", "-s", "64x64", "-o", "null:", "--ranks", ranks);

    // Rows of a tick meet in other groups while the ring fills, which may round another way: a step of one pixel value now and then is all
    // that can come of it.
    private static void Same(byte[] expected, byte[] actual)
    {
        Assert.Equal(30 * 64 * 64, expected.Length);
        Assert.Equal(expected.Length, actual.Length);
        var off = expected.Zip(actual, (a, b) => Math.Abs(a - b)).ToList();
        Assert.InRange(off.Max(), 0, 1);
        Assert.InRange(off.Count(d => d > 0), 0, expected.Length / 1000);
    }

    private byte[] Restyle(string file, params string[] more)
    {
        // Without loss, so that what is decoded is what the ranks made.
        var outcome = _streamdiff.RunOnRanks(
            ["run", "-i", "test:scene?size=64x64&rate=30&duration=1", "-s", "64x64", "-o", file, "-p", "a "
                + "lake", "--threads", "1", "--codec", "ffv1", .. more]);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        using var decoder = Process.Start(new ProcessStartInfo("ffmpeg",
        [
            "-v",
            "error",
            "-i",
            _streamdiff.Folder[file],
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ])
        { RedirectStandardOutput = true })!;
        using var pixels = new MemoryStream();
        decoder.StandardOutput.BaseStream.CopyTo(pixels);
        decoder.WaitForExit();
        return pixels.ToArray();
    }
}
