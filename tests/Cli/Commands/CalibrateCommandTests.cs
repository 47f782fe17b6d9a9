using System.Text.Json;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Cli.Tests.Commands;

// How fast anything is does not matter here: the smallest pictures.
public sealed class CalibrateCommandTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Calibrate_SmallestPictures_PrintsTermsAndSavesThem()
    {
        var saved = _streamdiff.Folder["latency"];
        var outcome = _streamdiff.Run("calibrate", "--dtype", "float32", "--sizes", "64x64,96x64", "--lanes", "1,2", "--seconds", "0",
            "--table", "--json", _streamdiff.Folder["rows.json"], "--output", saved, "--device-file", _streamdiff.Folder["device.json"]);
        Assert.Equal((0, ""), (outcome.ExitCode, string.Join('\n', outcome.Problems)));
        Assert.Contains("median error", outcome.Output, StringComparison.Ordinal);
        Assert.Contains("| 2 x 1 x 24, 4 ", outcome.Output, StringComparison.Ordinal);
        var report = JsonSerializer.Deserialize<CalibrationReport>(File.ReadAllText(_streamdiff.Folder["rows.json"]))!;
        Assert.Equal(("tiny", "Float32"), (report.Model, report.Type));
        Assert.All(report.Rows, row => Assert.True(row.Measured > 0));
        var file = JsonSerializer.Deserialize<LatencyModelFile>(File.ReadAllText(Assert.Single(Directory.EnumerateFiles(saved))))!;
        Assert.Equal(("tiny", "float32"), (file.Key.Model, file.Key.Type));
        Assert.Equal(file, LatencyModelFile.Find(saved, file.Key));

        var simulated = _streamdiff.Run("simulate", "--device", "device.json", "--policy", "deadline", "--load", "steady", "--seconds", "5",
            "--fps", "4", "--deadline", "20000");
        Assert.Equal((0, ""), (simulated.ExitCode, string.Join('\n', simulated.Problems)));
        Assert.Matches(@"\| steady +\| +deadline \| +0\.0 \|", simulated.Output);
    }
}
