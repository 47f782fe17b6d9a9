using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using StreamDiff.Cli.Output;
using StreamDiff.Pipeline.Benchmarks;
using StreamDiff.Transport.Files;

namespace StreamDiff.Cli.Commands.Bench;

/// <summary><c>streamdiff bench core</c>: what each stage costs by itself.</summary>
internal sealed class BenchCoreCommand : Command
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private readonly ModelOptions _model = new("steps", "size", "prompt");
    private readonly Option<int> _chunks = new("--chunks") { HelpName = "N", Description = "Chunks of four frames to measure after warm-up. Default: 40.", DefaultValueFactory = _ => 40 };
    private readonly Option<bool> _noMedia = new("--no-media") { Description = "Leave FFmpeg out: frames are made by hand and thrown away." };
    private readonly Option<string?> _json = new("--json") { HelpName = "FILE", Description = "Write the figures with their conditions as JSON." };

    public BenchCoreCommand()
        : base("core", "Time per chunk of every stage, one after the other; start-up; CPU time outside the networks.")
    {
        _model.AddTo(this);
        Add(_chunks);
        Add(_noMedia);
        Add(_json);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        var problems = new List<string>();
        var options = _model.Read(parse, problems);
        if (parse.GetValue(_chunks) < 1)
            problems.Add("chunks must be at least 1");
        problems.AddRange(FileRules.Problems([.. CommandFiles.OfModel(options.Model), .. FileUse.Writes(("json", parse.GetValue(_json)))]));
        if (problems.Count > 0)
            return Usage.Report(problems, "bench core");

        var report = CoreBenchmark.Run(options, parse.GetValue(_chunks), media: !parse.GetValue(_noMedia));
        Print(report);
        if (parse.GetValue(_json) is { } file)
            WholeFile.Write(file, JsonSerializer.Serialize(report, Indented) + "\n");
        return ExitCode.Ok;
    }

    private static void Print(CoreReport report)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("stage", "median ms", "p95", "max");
        foreach (var row in report.Stages)
            table.AddRow(row.Stage, Show(row.Median), Show(row.P95), Show(row.Max));
        AnsiConsole.Write(table);
        Line($"{report.Model} {report.Width}x{report.Height}, {report.Steps} steps, {report.Mode}, {report.Device} {report.Type}, {report.Threads} threads on {report.Processors} processors, {report.Chunks} chunks of 4 frames");
        Line($"frames per second: {report.SerialFramesPerSecond:0.0} one stage after the other, {report.OverlappedFramesPerSecond:0.0} if they overlap perfectly");
        if (report.MediaCpuMillisecondsPerFrame is { } cpu)
            Line($"outside the networks: {cpu:0.00} ms of CPU per frame (decode, convert, encode)");
        Line($"start-up to the first tick: {report.StartUpMilliseconds:0} ms; managed memory: {report.ManagedBytesPerTick} bytes per tick, {report.Gen2Collections} full collections");
        Line($"transformer {report.WeightBytes / 1e6:0.0} MB, KV cache {report.CacheBytes / 1e6:0.0} MB");
    }

    private static string Show(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private static void Line(FormattableString text) => Console.Out.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
