using System.Text.Json;
using StreamDiff.Bench.Reports;
using StreamDiff.Bench.Soak;
using StreamDiff.Bench.Statistics;
using StreamDiff.Cli.Tests;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Bench.Tests;

// How fast anything is does not matter here: the smallest pictures, a second each.
public sealed class BenchCommandTests : IDisposable
{
    private static readonly byte[] PngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

    private readonly Streamdiff _streamdiff = new("streamdiff-bench");

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Latency_SmallestPictures_WritesFiguresAndPlots()
    {
        var json = _streamdiff.Folder["latency.json"];
        var outcome = _streamdiff.Run("latency", "--sizes", "64x64", "--rates", "16", "--loads", "steady,bursty", "--seconds", "1.5",
            "--warm-up", "0.5", "--repeats", "1", "--json", json, "--plots", _streamdiff.Folder["plots"]);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        Assert.Contains("| 2 steps, 64x64, 16 fps, bursty |", outcome.Output, StringComparison.Ordinal);

        var report = BenchmarkReport.Read(json);
        Assert.Equal(["2 steps, 64x64, 16 fps, steady", "2 steps, 64x64, 16 fps, bursty"], report.Cases.Select(c => c.Name));
        Assert.Contains("VAE encode, denoise, VAE decode", report.Settings["included"], StringComparison.Ordinal);
        Assert.All((string[])["cpu", "cores", "memory", "os", "gpu"], key => Assert.NotEmpty(report.Hardware[key]));
        Assert.All((string[])["streamdiff", "dotnet", "libtorch", "torchsharp"], key => Assert.NotEmpty(report.Software[key]));
        foreach (var found in report.Cases)
        {
            // On a busy machine a short burst may leave no chunk that saw a full batch: then there is no such figure, rather than a zero.
            Assert.All((string[])["chunk: VAE encode", "chunk: denoise", "chunk: VAE decode"],
                name => Assert.True(found.Find(name) is null or { Value: > 0 }, name));
            Assert.All((string[])["first frame, warm", "latency p50", "latency p99", "resident memory", "allocated per frame"],
                name => Assert.True(found.Find(name)!.Value > 0, name));
            // And none may have come out within the second that counts.
            Assert.All((string[])["fps", "missed", "dropped", "jitter", "collections of generation 2", "tensors of the stream"],
                name => Assert.True(found.Find(name)!.Value >= 0, name));
            Assert.True(found.Find("latency p50")!.Value <= found.Find("latency p99")!.Value);
            Assert.NotEmpty(found.Series["latency cdf"]);
        }
        AssertPictures("latency-latency-cdf.png", "latency-latency-over-time.png", "latency-stages.png");

        var compared = _streamdiff.Run("compare", json, json, "--all");
        Assert.Equal(0, compared.ExitCode);
        Assert.Contains("same: of ", compared.Output, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Precision_OfTheShippedModel_TellsWhatBothTypesCost()
    {
        var json = _streamdiff.Folder["precision.json"];
        Assert.Equal(0, _streamdiff.Run("precision", "--size", "64x64", "--chunks", "1", "--device", "cpu", "--json", json).ExitCode);
        var cases = BenchmarkReport.Read(json).Cases;
        Assert.Equal(["bfloat16 against float32", "fp8 against bfloat16"], cases.Select(c => c.Name));
        Assert.All(cases, c => Assert.InRange(c.Find("error of latents")!.Value, 1e-4, 0.1));
        Assert.All(cases, c => Assert.InRange(c.Find("PSNR of frames, worst")!.Value, 30, 99));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Heads_OfTheShippedModel_TellsWhatTheirSplitSavesAndCosts()
    {
        var json = _streamdiff.Folder["heads.json"];
        Assert.Equal(0, _streamdiff.Run("heads", "--heads", "on", "--size", "64x64", "--chunks", "24", "--device", "cpu", "--threads", "1",
            "--json", json).ExitCode);
        var cases = BenchmarkReport.Read(json).Cases;
        Assert.Equal(["window 5, all heads", "window 5, split", "window 15, all heads", "window 15, split"], cases.Select(c => c.Name));
        double[] Of(string name) => [.. cases.Select(c => c.Find(name)?.Value ?? 0)];
        Assert.All(Of("tick"), ms => Assert.True(ms > 0));
        // Half of the heads hold two frames.
        Assert.Equal([1, 0.7, 3, 1.7], Of("cache").Select(bytes => Math.Round(bytes / Of("cache")[0], 2)));
        Assert.All(Of("error of latents").Skip(1), error => Assert.InRange(error, 1e-4, 0.5));
        Assert.InRange(Of("PSNR")[1], 35, 99);

        Assert.Contains("heads must name a split", _streamdiff.Run("heads").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Fleet_TwoWorkersAndTooManyUsers_WritesWhatTheyHad()
    {
        var json = _streamdiff.Folder["fleet.json"];
        var outcome = _streamdiff.Run(
            "fleet", "--workers", "2", "--streams", "30", "--seconds", "20", "--stay", "20", "--kills", "1", "--queue", "5", "--json",
            json);
        Assert.Equal(0, outcome.ExitCode);
        var report = BenchmarkReport.Read(json);
        Assert.Equal(("fleet", "2", "30"), (report.Benchmark, report.Settings["workers"], report.Settings["streams"]));
        double Had(string name) => report.Cases.Single().Find(name)!.Value;
        Assert.InRange(Had("served") + Had("gave up") + Had("refused"), 25, 30);
        Assert.True(Had("refused") > 0 && Had("all-user fps") is > 0 and < 16 && Had("first picture p50") > 0.5);

        var wrong = _streamdiff.Run("fleet", "--arrivals", "tides", "--steps", "9", "--against", "nowhere");
        Assert.Equal(2, wrong.ExitCode);
        Assert.Equal(3, wrong.Problems.Length);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void ThroughputAndFirstFrame_SmallestPictures_WriteFigures()
    {
        var json = _streamdiff.Folder["throughput.json"];
        Assert.Equal(0, _streamdiff.Run("throughput", "--sizes", "64x64", "--steps", "1,2", "--chunks", "2", "--repeats", "2", "--json",
            json, "--plots", _streamdiff.Folder["plots"]).ExitCode);
        Assert.All(BenchmarkReport.Read(json).Cases, c => Assert.True(c.Find("fps") is { Value: > 0, HasSpread: true }));
        AssertPictures("throughput-stages.png");

        var bare = _streamdiff.Folder["transformer.json"];
        Assert.Equal(0, _streamdiff.Run(
            "throughput", "--sizes", "64x64", "--steps", "1,2", "--chunks", "2", "--repeats", "1", "--no-vae", "--json", bare).ExitCode);
        var refused = _streamdiff.Run("compare", json, bare);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(refused.Problems, p => p.Contains("no VAE", StringComparison.Ordinal));
        Assert.Contains("ratio", _streamdiff.Run("compare", json, bare, "--different-settings", "--all").Output, StringComparison.Ordinal);

        var cold = _streamdiff.Folder["cold.json"];
        Assert.Equal(0, _streamdiff.Run("first-frame", "--size", "64x64", "--repeats", "1", "--json", cold).ExitCode);
        var figures = BenchmarkReport.Read(cold).Cases[0].Figures;
        var first = figures.Single(f => f.Name == "first frame, cold").Value;
        Assert.Equal(
            first, figures.Where(f => f.Name.StartsWith("first frame, cold: ", StringComparison.Ordinal)).Sum(f => f.Value), first / 100);
        Assert.True(figures.Single(f => f.Name == "start-up").Value > 0);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Soak_AFewSeconds_CountsSessions()
    {
        var json = _streamdiff.Folder["soak.json"];
        var outcome = _streamdiff.Run(
            "soak", "--seconds", "3", "--sizes", "64x64", "--steps", "1", "--ranks", "cpu,cpu", "--watch", $"{Environment.ProcessId}",
            "--json", json, "--plots", _streamdiff.Folder["plots"]);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        var report = BenchmarkReport.Read(json).Cases[0];
        Assert.True(report.Find("sessions")!.Value >= 2);
        var samples = outcome.ErrorLines.Where(l => l.StartsWith('{')).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(report.Series["tensors"].Count, samples.Count);
        foreach (var name in (string[])["tensors", "descriptors", "threads", "residentBytes"])
            Assert.True(samples[^1].GetProperty(name).GetInt64() > 0, name);
        Assert.Equal(Environment.ProcessId, samples[^1].GetProperty("others")[0].GetProperty("process").GetInt32());
        Assert.NotEmpty(report.Series["resident memory, other process 1"]);
        AssertPictures("soak-held.png");
        Assert.Contains(outcome.ErrorLines, l => l.Contains("too few to judge", StringComparison.Ordinal));
    }

    // What is not let go by sessions, ranks or changes of control grows within it.
    [Fact]
    [Trait("Category", "Slow")]
    public void Soak_AMinute_HoldsNoMoreTensorsHandlesAndThreads()
    {
        // A busy machine needs longer for as many sessions and changes.
        for (var seconds = 60; ; seconds *= 2)
        {
            var json = _streamdiff.Folder[$"soak{seconds}.json"];
            var outcome = _streamdiff.Run(
                "soak", "--seconds", $"{seconds}", "--sizes", "64x64,96x64", "--ranks", "cpu,cpu", "--json", json);
            Assert.Empty(outcome.Problems);
            var report = BenchmarkReport.Read(json).Cases[0];
            var (sessions, changes) = (report.Find("sessions")!.Value, report.Find("changes of control")!.Value);
            if (seconds < 240 && (sessions < 20 || changes < 20))
                continue;
            Assert.True(sessions >= 20);
            Assert.True(changes >= 20);
            AssertFlat(outcome, report);
            return;
        }
    }

    private static void AssertFlat(Streamdiff.Outcome outcome, BenchmarkCase report)
    {
        // Memory takes longer to settle than a minute: scripts/soak runs for as long as is asked.
        foreach (var name in (string[])["tensors", "file descriptors", "threads"])
            Assert.True(report.Find(name + SoakFigures.Verdict)!.Value == (int)TrendVerdict.Flat, $"{name} grows: {outcome.Error}");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void SessionsAndPolicies_SmallestPictures_WriteFiguresAndPlots()
    {
        var json = _streamdiff.Folder["sessions.json"];
        var outcome = _streamdiff.Run("sessions", "--size", "64x64", "--steps", "1", "--counts", "2", "--seconds", "1", "--warm-up", "0.3",
            "--repeats", "1", "--json", json);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        var together = Assert.Single(BenchmarkReport.Read(json).Cases);
        // A second may be too short for a chunk where other programs take the processors.
        Assert.All((string[])["fps together", "fps of the slowest", "fps of processes"],
            name => Assert.True(together.Find(name)!.Value >= 0, name));
        Assert.True(
            together.Find("memory of processes")!.Value > together.Find("resident memory")!.Value, "the weights are in memory once");

        json = _streamdiff.Folder["policies.json"];
        outcome = _streamdiff.Run("policies", "--size", "64x64", "--loads", "bursty", "--policies", "deadline,sequential", "--seconds",
            "1.5", "--warm-up", "0.5", "--repeats", "1", "--json", json, "--plots", _streamdiff.Folder["plots"]);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        Assert.Equal(["bursty, deadline", "bursty, sequential"], BenchmarkReport.Read(json).Cases.Select(c => c.Name));
        AssertPictures("policies-missed.png", "policies-bursty-latency-cdf.png");
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void SimulatorAndControl_SmallestPictures_WriteFigures()
    {
        var json = _streamdiff.Folder["simulator.json"];
        var outcome = _streamdiff.Run("simulator", "--size", "64x64", "--loads", "steady", "--policies", "deadline", "--seconds", "1.5",
            "--warm-up", "0.5", "--repeats", "1", "--json", json, "--plots", _streamdiff.Folder["plots"]);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        Assert.Equal(["steady, deadline", "steady, deadline, recorded ticks", "steady, deadline, modelled ticks"],
            BenchmarkReport.Read(json).Cases.Select(c => c.Name));
        Assert.All(BenchmarkReport.Read(json).Cases.Skip(1), c => Assert.NotNull(c.Find("off: fps")));
        Assert.Contains("modelled ticks: median of 1 cases off by", outcome.Output, StringComparison.Ordinal);
        AssertPictures("simulator-steady-deadline-latency-cdf.png");

        json = _streamdiff.Folder["control.json"];
        outcome = _streamdiff.Run(
            "control", "--size", "64x64", "--steps", "2", "--rate", "4", "--changes", "2", "--between", "1", "--json", json);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        var control = Assert.Single(BenchmarkReport.Read(json).Cases);
        Assert.True(control.Find("command to first changed frame")!.Value > 0);
        Assert.Equal(0, control.Find("frames out of order")!.Value);
    }

    [Fact]
    public void PlotCalibration_RowsOfACalibration_DrawsThem()
    {
        var rows = Enumerable.Range(1, 8)
            .Select(i => new CalibrationRow(new TickShape(1, 1, 16 * i, 5), 0.001 * i, 0.0011 * i, i % 4 == 0));
        var json = _streamdiff.Folder.Write(
            "rows.json", JsonSerializer.Serialize(new CalibrationReport("tiny", "cpu", "Float32", [.. rows])));
        var outcome = _streamdiff.Run("plot-calibration", json, _streamdiff.Folder["plots", "calibration.png"]);
        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Error));
        AssertPictures("calibration.png");

        File.WriteAllText(json, "{}");
        Assert.Contains(
            "holds no calibration", Assert.Single(_streamdiff.Run("plot-calibration", json, "x.png").Problems), StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void SoakOfScenes_TheSameOnesAgainAndAgain_TellsHowTheirPicturesStay()
    {
        var json = _streamdiff.Folder["scenes.json"];
        File.WriteAllText(_streamdiff.Folder["timeline"], "at 0 on picture.cut refresh");
        var outcome = _streamdiff.Run(
            "soak", "--scene", "test:scene", "--scene", "test:smptebars", "--seconds", "8", "--scene-seconds", "1", "--rate", "8", "--size",
            "64x64", "--steps", "1", "--prompt", "neon", "--timeline", _streamdiff.Folder["timeline"], "--contact-sheet",
            _streamdiff.Folder["sheet.png"], "--json", json, "--plots", _streamdiff.Folder["plots"]);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        // The first round, the second, and the last of four.
        var cases = BenchmarkReport.Read(json).Cases;
        Assert.Equal(["from 00:00:00", "from 00:00:02", "from 00:00:06"], cases.Select(c => c.Name));
        // Two cuts in each round, but that into the first scene is of the round before.
        Assert.Equal([2, 2, 1], cases.Select(c => c.Find("refreshes")!.Value));
        Assert.All(cases, c => Assert.InRange(c.Find("detail")!.Value, 0.05, 20));
        Assert.All(cases.Skip(1), c => Assert.InRange(c.Find("PSNR to the first round")!.Value, 10, 60));
        Assert.Null(cases[0].Find("PSNR to the first round"));
        Assert.Equal(4, cases[0].Series["red"].Count);
        AssertPictures("scenes.png");
        Assert.Equal(PngSignature, File.ReadAllBytes(_streamdiff.Folder["sheet.png"]).Take(8));
    }

    [Theory]
    [InlineData("steps must be from 1 to 4", "latency", "--steps", "1,9")]
    [InlineData("loads must be steady or bursty or ramp or stalls or cpu, not 'storm'", "latency", "--loads", "steady,storm")]
    [InlineData("rates must be above 0", "latency", "--rates", "0")]
    [InlineData("seconds must be more than warm-up", "latency", "--seconds", "1")]
    [InlineData("sizes must be WIDTHxHEIGHT", "throughput", "--sizes", "big")]
    [InlineData("chunks and repeats must be at least 1", "throughput", "--chunks", "0")]
    [InlineData("seconds and sessions must be at least 1", "soak", "--sessions", "0")]
    [InlineData("watch: there is no process 999999999", "soak", "--watch", "999999999")]
    [InlineData("repeats must be at least 1", "first-frame", "--repeats", "0")]
    [InlineData("counts must be from 1 to 64", "sessions", "--counts", "0")]
    [InlineData("policies must be deadline or stream-batch", "policies", "--policies", "best")]
    public void Bench_WrongOption_IsUsageError(string problem, params string[] arguments)
    {
        var outcome = _streamdiff.Run([.. arguments]);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains(outcome.Problems, p => p.Contains(problem, StringComparison.Ordinal));
        Assert.Equal($"see: streamdiff-bench {arguments[0]} --help", outcome.ErrorLines[^1]);
    }

    [Fact]
    public void Compare_NoReport_SaysSo()
    {
        File.WriteAllText(_streamdiff.Folder["a.json"], "{}");
        var outcome = _streamdiff.Run("compare", _streamdiff.Folder["a.json"], _streamdiff.Folder["b.json"]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains("is no benchmark report", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    private void AssertPictures(params string[] names) =>
        Assert.All(names, name => Assert.Equal(PngSignature, File.ReadAllBytes(_streamdiff.Folder["plots", name]).Take(8)));
}
