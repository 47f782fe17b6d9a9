using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Ranks as processes of their own, as a user starts them.</summary>
public sealed class RankCommandTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();
    private readonly List<Process> _ranks = [];

    public void Dispose()
    {
        foreach (var rank in _ranks)
        {
            if (!rank.HasExited)
                rank.Kill();
            rank.Dispose();
        }
        _streamdiff.Dispose();
    }

    [Fact]
    public void Run_TwoRankProcesses_GivesTheFileThatOneRankGives()
    {
        var one = Restyle("one.mkv");
        var ranks = $"{StartRank()},{StartRank()}";
        Same(one, Restyle("two.mkv", "--ranks", ranks));
        // The same ranks serve the next run, here together with one of this process.
        Same(one, Restyle("three.mkv", "--ranks", $"cpu,{ranks}", "--vae-device", "cpu"));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 2)]
    [InlineData(4, 4)]
    public void Plan_RankProcesses_GiveTheNumbersOfOneRank(int ranks, int steps)
    {
        var addresses = string.Join(',', Enumerable.Range(0, ranks).Select(_ => StartRank("--random-weights")));
        var outcome = _streamdiff.Run(
            "plan", "--model", "tiny", "--random-weights", "--size", "64x64", "--devices", addresses, "--steps", $"{steps}", "--ticks", "10", "--json", "plan.json");
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.Contains("rank 0 to rank 1: socket", outcome.Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(File.ReadAllText(_streamdiff.Folder["plan.json"]));
        Assert.InRange(json.RootElement.GetProperty("DifferenceToOneRank").GetDouble(), 0, 1e-5);
    }

    [Fact]
    public void Run_Interrupted_FinishesTheFile()
    {
        var run = _streamdiff.Start("run", "-i", "test:scene?size=64x64&rate=30&duration=600", "-s", "64x64", "-o", "out.mp4", "-p", "x", "--ranks", $"cpu,{StartRank()}", "--threads", "1");
        string? line;
        do
            line = run.StandardError.ReadLine();
        while (line is not null && !line.Contains(" fps", StringComparison.Ordinal));
        Streamdiff.Signal(run, System.Runtime.InteropServices.PosixSignal.SIGINT);
        var outcome = Streamdiff.Finish(run);
        Assert.Equal(130, outcome.ExitCode);
        Assert.StartsWith("stopped early: ", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RankKilled_StillWritesEveryFrame()
    {
        var (survivor, victim) = (StartRank(), StartRank());
        var run = _streamdiff.Start("run", "-i", "test:scene?size=64x64&rate=30&duration=20", "-s", "64x64", "-o", "null:", "-p", "x", "--ranks", $"{survivor},{victim}");
        // The first progress line says that frames come out.
        var progress = run.StandardError.ReadLine();
        while (progress is not null && !progress.Contains("/600 frames", StringComparison.Ordinal))
            progress = run.StandardError.ReadLine();
        _ranks[1].Kill();
        var outcome = Streamdiff.Finish(run);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("600 frames in", outcome.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RankOfAnotherType_IsRefusedWithTheReason()
    {
        var outcome = _streamdiff.Run("run", "-i", "test:scene?duration=1", "-o", "null:", "--dtype", "float32", "--ranks", $"cpu,{StartRank("--dtype", "bfloat16")}");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("its type is BFloat16, the caller's is Float32", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RankWithAnotherSecret_IsRefused()
    {
        File.WriteAllText(_streamdiff.Folder["secret"], "one thing\n");
        var address = StartRank("--secret-file", "secret");
        Assert.Contains("does not know the secret", Assert.Single(Run(address).Problems), StringComparison.Ordinal);

        File.WriteAllText(_streamdiff.Folder["hosts"], $"# where the ranks are\n{address}\nsecret-file: secret\n");
        Assert.Equal(0, Run("hosts").ExitCode);

        Streamdiff.Outcome Run(string ranks) => _streamdiff.Run("run", "-i", "test:scene?size=64x64&duration=1", "-s", "64x64", "-o", "null:", "--ranks", ranks);
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
        Assert.Contains("is 'streamdiff rank --listen 127.0.0.1:1' running there?", Assert.Single(outcome.Problems), StringComparison.Ordinal);
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
    public void Plan_DevicesHere_AreMeasured()
    {
        var outcome = _streamdiff.Run("plan", "--model", "tiny", "--size", "64x64", "--devices", "cpu,cpu", "--ticks", "10", "--timeline", "timeline.png");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("planned from one rank", outcome.Output, StringComparison.Ordinal);
        Assert.Equal([137, 80, 78, 71], File.ReadAllBytes(_streamdiff.Folder["timeline.png"])[..4]);
    }

    // Rows of a tick meet in other groups while the ring fills, which may round another way: a step of one pixel value now and then is all that can come of it.
    private static void Same(byte[] expected, byte[] actual)
    {
        Assert.Equal(60 * 64 * 64, expected.Length);
        Assert.Equal(expected.Length, actual.Length);
        var off = expected.Zip(actual, (a, b) => Math.Abs(a - b)).ToList();
        Assert.InRange(off.Max(), 0, 1);
        Assert.InRange(off.Count(d => d > 0), 0, expected.Length / 1000);
    }

    private byte[] Restyle(string file, params string[] more)
    {
        // Without loss, so that what is decoded is what the ranks made.
        var outcome = _streamdiff.Run(
            ["run", "-i", "test:scene?size=64x64&rate=30&duration=2", "-s", "64x64", "-o", file, "-p", "a lake", "--threads", "1", "--codec", "ffv1", .. more]);
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        using var decoder = Process.Start(new ProcessStartInfo("ffmpeg", ["-v", "error", "-i", _streamdiff.Folder[file], "-f", "rawvideo", "-pix_fmt", "gray", "-"]) { RedirectStandardOutput = true })!;
        using var pixels = new MemoryStream();
        decoder.StandardOutput.BaseStream.CopyTo(pixels);
        decoder.WaitForExit();
        return pixels.ToArray();
    }

    private string StartRank(params string[] more)
    {
        var rank = _streamdiff.Start(["rank", "--listen", "127.0.0.1:0", "--threads", "1", .. more]);
        _ranks.Add(rank);
        var line = rank.StandardError.ReadLine() ?? throw new InvalidOperationException("the rank ended");
        Assert.StartsWith("listening at ", line, StringComparison.Ordinal);
        // Whatever else it says must not fill the pipe.
        _ = rank.StandardError.ReadToEndAsync();
        _ = rank.StandardOutput.ReadToEndAsync();
        var port = line.Split(' ')[2].TrimEnd(':').Split(':')[^1];
        return string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}");
    }
}
