using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamDiff.Bench.Core;
using StreamDiff.CommandLine;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.FFmpeg;

namespace StreamDiff.Bench.Commands;

/// <summary><c>streamdiff-bench core</c>: what each stage costs by itself.</summary>
internal sealed class CoreCommand : Command
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly ModelOptions _model = new("steps", "size", "prompt");
    private readonly Option<int> _chunks = new("--chunks")
    {
        HelpName = "N",
        Description = "Chunks of four frames to measure after warm-up. Default: 40.",
        DefaultValueFactory = _ => 40,
    };
    private readonly Option<string?> _json = new("--json")
    {
        HelpName = "FILE",
        Description = "Write the figures with their conditions as JSON.",
    };

    public CoreCommand()
        : base("core", "Time per chunk of every stage, one after the other; start-up; CPU time outside the networks.")
    {
        _model.AddTo(this);
        Add(_chunks);
        Add(_json);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        if (parse.GetValue(_chunks) < 1)
            problems.Add("chunks must be at least 1");
        problems.AddRange(FileRules.Problems(
            [.. CommandFiles.OfModel(options.Compute.Model), .. FileUse.Writes(("json", parse.GetValue(_json)))]));
        if (problems.Count > 0)
            return Usage.Report(problems, "core");

        var media = FFmpegReport.Create().Release is not null;
        if (!media)
            Say.Note("FFmpeg is not here: frames are made in memory and thrown away, decoding and encoding are not in the figures");
        var report = CoreBenchmark.Run(options, parse.GetValue(_chunks), media);
        Print(report);
        if (parse.GetValue(_json) is { } file)
            WholeFile.Write(file, JsonSerializer.Serialize(report, Indented) + "\n");
        return ExitCode.Ok;
    }

    private static void Print(CoreReport report)
    {
        Console.Out.Write(TextTable.Of(
        [
            ["stage", "median ms", "p95", "max"],
            .. report.Stages.Select(row => (string[])[row.Stage, Show(row.Median), Show(row.P95), Show(row.Max)]),
        ]));
        Line(
            $"{report.Model} {report.Width}x{report.Height}, {report.Steps} steps, {report.Mode}, {report.Device} {report.Type}, ",
            $"{report.Threads} threads on {report.Processors} processors, {report.Chunks} chunks of 4 frames");
        Line($"frames per second: {report.SerialFramesPerSecond:0.0} one stage after the other");
        if (report.MediaCpuMillisecondsPerFrame is { } cpu)
            Line($"outside the networks: {cpu:0.00} ms of CPU per frame (decode, convert, encode)");
        Line(
            $"start-up to the first tick: {report.StartUpMilliseconds:0} ms; managed memory: {report.ManagedBytesPerTick} bytes per tick, ",
            $"{report.Gen2Collections} full collections");
        Line($"transformer {report.WeightBytes / 1e6:0.0} MB, KV cache {report.CacheBytes / 1e6:0.0} MB");
        Line($"ticks: {report.Ticks}");
    }

    private static string Show(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private static void Line(params FormattableString[] parts) =>
        Console.Out.WriteLine(string.Concat(parts.Select(FormattableString.Invariant)));
}
