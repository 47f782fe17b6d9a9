using StreamDiff.Bench.Reports;
using StreamDiff.Testing;

namespace StreamDiff.Bench.Tests;

public sealed class ReportComparisonTests
{
    [Theory]
    [InlineData(100, 104, Verdict.Same)]
    [InlineData(100, 110, Verdict.Worse)]
    [InlineData(100, 90, Verdict.Better)]
    public void Latency_Changes_IsJudgedDownwards(double before, double after, Verdict verdict) =>
        Assert.Equal(verdict, Change(Once("latency", "ms", Better.Lower, before), Once("latency", "ms", Better.Lower, after)).Verdict);

    [Fact]
    public void Throughput_Grows_IsBetter()
    {
        var change = Change(Once("fps", "1/s", Better.Higher, 10), Once("fps", "1/s", Better.Higher, 15));
        Assert.Equal((Verdict.Better, 1.5), (change.Verdict, change.Ratio));
    }

    [Fact]
    public void Change_WithinTheSpreadOfRepetitions_IsNone()
    {
        var before = new Figure("latency", "ms", Better.Lower, 100, 90, 130);
        Assert.Equal(Verdict.Same, Change(before, new Figure("latency", "ms", Better.Lower, 120, 110, 140)).Verdict);
        Assert.Equal(Verdict.Worse, Change(before, new Figure("latency", "ms", Better.Lower, 140, 135, 150)).Verdict);
    }

    [Fact]
    public void Misses_FromNoneToNextToNone_AreTheSame()
    {
        var change = Change(Once("missed", "%", Better.Lower, 0), Once("missed", "%", Better.Lower, 0.2));
        Assert.Equal((Verdict.Same, null), (change.Verdict, change.Ratio));
        Assert.Equal(Verdict.Worse, Change(Once("missed", "%", Better.Lower, 0), Once("missed", "%", Better.Lower, 3)).Verdict);
    }

    [Fact]
    public void Information_Changes_IsNotJudged() =>
        Assert.Equal(Verdict.Unjudged, Change(Once("max", "ms", Better.None, 1), Once("max", "ms", Better.None, 9)).Verdict);

    [Fact]
    public void Summary_BetterAndWorse_IsMixed()
    {
        var comparison = ReportComparison.Of(
            Report([Once("fps", "", Better.Higher, 1), Once("p50", "", Better.Lower, 1), Once("gc", "", Better.None, 1)]),
            Report([Once("fps", "", Better.Higher, 2), Once("p50", "", Better.Lower, 2), Once("gc", "", Better.None, 2)]));
        Assert.Equal("mixed: of 2 figures 1 better, 1 worse, 0 the same", comparison.Summary);
        Assert.Empty(comparison.Differences);
    }

    [Fact]
    public void Settings_Differ_AreNamed()
    {
        var before = Report([Once("fps", "", Better.Higher, 1)]);
        var after = before with
        {
            Settings = new Dictionary<string, string> { ["model"] = "other" },
            Hardware = new Dictionary<string, string>(),
        };
        Assert.Equal(["model: tiny / other", "cpu: one / none"], ReportComparison.Of(before, after).Differences);
        Assert.Throws<BenchmarkException>(() => ReportComparison.Of(before, before with { Benchmark = "soak" }));
        Assert.Throws<BenchmarkException>(() =>
            ReportComparison.Of(before, before with { Cases = [before.Cases[0] with { Name = "another" }] }));
    }

    [Fact]
    public void Json_WrittenAndRead_IsTheSame()
    {
        using var folder = new TempFolder();
        var report = Report([Once("fps", "1/s", Better.Higher, 12.3)]);
        File.WriteAllText(folder["a.json"], report.ToJson());
        var read = BenchmarkReport.Read(folder["a.json"]);
        Assert.Equal(report.ToJson(), read.ToJson());
        Assert.Equal([new Point(1, 2.5), new Point(3, 4)], read.Cases[0].Series["curve"]);
    }

    [Theory]
    [InlineData("no json")]
    [InlineData("{\"model\": \"tiny\"}")]
    [InlineData("[]")]
    public void Read_AnythingElse_SaysSoOnOneLine(string text)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.json"], text);
        var fault = Assert.Throws<BenchmarkException>(() => BenchmarkReport.Read(folder["a.json"]));
        Assert.Contains("a.json is no benchmark report", fault.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', fault.Message);
        Assert.Throws<BenchmarkException>(() => BenchmarkReport.Read(folder["missing.json"]));
    }

    private static Figure Once(string name, string unit, Better better, double value) => Figure.Once(name, unit, better, value);

    private static FigureChange Change(Figure before, Figure after) =>
        Assert.Single(ReportComparison.Of(Report([before]), Report([after])).Changes);

    private static BenchmarkReport Report(IReadOnlyList<Figure> figures) => new()
    {
        Benchmark = "latency",
        Hardware = new Dictionary<string, string> { ["cpu"] = "one" },
        Software = new Dictionary<string, string>(),
        Settings = new Dictionary<string, string> { ["model"] = "tiny" },
        Conditions = new Dictionary<string, string>(),
        Cases = [new BenchmarkCase(
            "case", figures, new Dictionary<string, IReadOnlyList<Point>> { ["curve"] = [new Point(1, 2.5), new Point(3, 4)] })],
    };
}
