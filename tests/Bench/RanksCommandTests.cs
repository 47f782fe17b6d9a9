using System.Text.Json;
using StreamDiff.Cli.Tests;

namespace StreamDiff.Bench.Tests;

/// <summary>Ranks of this process, and as processes of their own, as a user starts them.</summary>
public sealed class RanksCommandTests : IDisposable
{
    private readonly Streamdiff _bench = new("streamdiff-bench");
    private readonly Streamdiff _streamdiff = new();
    private readonly RankProcesses _ranks;

    public RanksCommandTests() => _ranks = new RankProcesses(_streamdiff);

    public void Dispose()
    {
        _ranks.Dispose();
        _streamdiff.Dispose();
        _bench.Dispose();
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Ranks_Processes_GiveTheNumbersOfOneRank() => AssertNumbersOfOneRank(2, 3);

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    [InlineData(4, 4)]
    public void Ranks_OtherProcesses_GiveTheNumbersOfOneRank(int ranks, int steps) => AssertNumbersOfOneRank(ranks, steps);

    private void AssertNumbersOfOneRank(int ranks, int steps)
    {
        var addresses = string.Join(',', Enumerable.Range(0, ranks).Select(_ => _ranks.Start("--random-weights")));
        var outcome = _bench.RunOnRanks("ranks", "--random-weights", "--size", "64x64", "--devices", addresses, "--steps", $"{steps}",
            "--ticks", "10", "--json", "ranks.json");
        Assert.True(outcome.ExitCode == 0, outcome.Error);
        Assert.Contains("rank 0 to rank 1: socket", outcome.Output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(File.ReadAllText(_bench.Folder["ranks.json"]));
        Assert.InRange(json.RootElement.GetProperty("DifferenceToOneRank").GetDouble(), 0, 1e-5);
    }

    [Fact]
    public void Ranks_DevicesHere_AreMeasured()
    {
        var outcome = _bench.Run("ranks", "--size", "64x64", "--devices", "cpu,cpu", "--ticks", "10", "--timeline", "timeline.png");
        Assert.Equal(0, outcome.ExitCode);
        Assert.Contains("planned from one rank", outcome.Output, StringComparison.Ordinal);
        Assert.Equal([137, 80, 78, 71], File.ReadAllBytes(_bench.Folder["timeline.png"])[..4]);
    }

    [Theory]
    [InlineData("4xH100", "ranks must be devices such as cuda:0,cuda:1")]
    [InlineData("cpu,cpu,cpu,cpu,cpu,cpu,cpu", "7 ranks cannot share the 6 blocks of tiny")]
    public void Ranks_WrongDevices_IsUsageError(string devices, string problem)
    {
        var outcome = _bench.Run("ranks", "--devices", devices);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(problem, Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }
}
