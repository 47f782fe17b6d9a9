using StreamDiff.Cli.Tests;

namespace StreamDiff.Bench.Tests;

/// <summary>No benchmark writes over what it reads, or twice into one file, and each says before it begins what it cannot write.</summary>
public sealed class BenchFileRuleTests : IDisposable
{
    private const string Itself = "itself: it would be destroyed";
    private readonly Streamdiff _bench = new("streamdiff-bench");

    public BenchFileRuleTests()
    {
        foreach (var name in (string[])["a.mp4", "before.json"])
            _bench.Folder.Write(name, name);
        _bench.Folder.Write("ranks", "cpu\n");
    }

    public void Dispose() => _bench.Dispose();

    [Theory]
    [InlineData("probe-latency -i a.mp4 -o ./a.mp4", "output ./a.mp4 is the input " + Itself)]
    [InlineData("probe-latency -i a.mp4 -o no/x.mkv", "the folder of output no/x.mkv does not exist")]
    [InlineData("ranks --devices ranks --json ranks", "json ranks is the list of ranks " + Itself)]
    [InlineData("ranks --devices cpu,cpu --timeline t.png --json ./t.png",
        "json ./t.png and timeline t.png are one file: give each a name of its own")]
    [InlineData("ranks --devices cpu,cpu --timeline t.gif", "timeline t.gif must end in .png, .jpg or .jpeg")]
    [InlineData("links --json no/p.json", "the folder of json no/p.json does not exist")]
    [InlineData("plot-calibration before.json ./before.json", "picture ./before.json is the calibration " + Itself)]
    [InlineData("core --json a.mp4/x.json", "json a.mp4/x.json cannot be written: {0}/a.mp4 is a file, not a folder")]
    public void Command_WritesWhatItReadsOrCannotWrite_IsRefused(string command, string problem)
    {
        var before = Contents();
        var outcome = _bench.Run(command.Split(' '));
        Assert.Contains(
            $"error: {string.Format(System.Globalization.CultureInfo.InvariantCulture, problem, _bench.Folder[[]])}", outcome.Problems);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal(before, Contents());
    }

    private string[] Contents() =>
        [.. Directory.GetFiles(_bench.Folder[[]]).Order(StringComparer.Ordinal).Select(f => $"{f}: {File.ReadAllText(f)}")];
}
