using System.CommandLine;
using System.Text.Json;
using StreamDiff.Bench.Plots;
using StreamDiff.Bench.Reports;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Calibration;
using StreamDiff.Transport.Files;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench plot-calibration</c>: how well ticks are predicted, as a picture.</summary>
internal sealed class PlotCalibrationCommand : Command
{
    private readonly Argument<string> _rows = new("JSON") { Description = "Written by 'streamdiff calibrate --json'." };
    private readonly Argument<string> _picture = new("PNG") { Description = "Picture to write." };

    public PlotCalibrationCommand()
        : base("plot-calibration", "Draw predicted against measured times of a calibration.")
    {
        Add(_rows);
        Add(_picture);
        SetAction(parse => Run(parse.GetValue(_rows)!, parse.GetValue(_picture)!));
    }

    private static int Run(string file, string picture)
    {
        if (FileRules.Problems(
            [FileUse.Read("calibration", file), FileUse.Write("picture", picture) with { MakesFolders = true }]) is { Count: > 0 } problems)
            return Usage.Report(problems, "plot-calibration");
        CalibrationReport? report;
        try
        {
            report = JsonSerializer.Deserialize<CalibrationReport>(File.ReadAllText(file));
        }
        catch (JsonException e)
        {
            throw new BenchmarkException($"{file} is no calibration: {e.Message.Split('\n')[0]}", e);
        }
        if (report is not { Rows.Count: > 0 })
            throw new BenchmarkException($"{file} holds no calibration: 'streamdiff calibrate --json FILE' writes one");
        CalibrationPlot.Write(report, picture);
        return ExitCode.Ok;
    }
}
