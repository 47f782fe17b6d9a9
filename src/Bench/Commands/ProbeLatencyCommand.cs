using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using StreamDiff.Bench.Probe;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Files;
using StreamDiff.Transport.Media;
using StreamDiff.Transport.Media.Live;

namespace StreamDiff.Bench.Commands;

/// <summary>
/// <c>streamdiff-bench probe-latency</c>: how long a way through servers and programs takes, measured in the pictures themselves.
/// </summary>
internal sealed class ProbeLatencyCommand : Command
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
    };

    private readonly Option<string> _output = new("--output", "-o")
    {
        HelpName = "ADDRESS",
        Required = true,
        Description = "Where to send, such as rtmp://127.0.0.1/live/in.",
    };
    private readonly Option<string> _input = new("--input", "-i")
    {
        HelpName = "ADDRESS",
        Required = true,
        Description = "Where to receive, such as rtmp://127.0.0.1:1936/live/out?listen=1.",
    };
    private readonly Option<string> _size = new("--size")
    {
        HelpName = "WxH",
        Description = "Size of the pictures sent. Default: 640x360.",
        DefaultValueFactory = _ => "640x360",
    };
    private readonly Option<string> _fps = new("--fps")
    {
        HelpName = "RATE",
        Description = "Frames a second. Default: 30.",
        DefaultValueFactory = _ => "30",
    };
    private readonly Option<double> _duration = new("--duration")
    {
        HelpName = "SECONDS",
        Description = "How long to measure. Default: 10.",
        DefaultValueFactory = _ => 10,
    };
    private readonly Option<bool> _json = new("--json") { Description = "Print the figures as JSON." };

    public ProbeLatencyCommand()
        : base("probe-latency", "Send pictures that carry the time, receive them elsewhere, and tell how long they took and how far sound "
            + "and picture are apart.")
    {
        foreach (var option in new Option[] { _output, _input, _size, _fps, _duration, _json })
            Add(option);
        SetAction(parse => Run(parse));
    }

    private int Run(ParseResult parse)
    {
        LatencyProbeOptions options;
        try
        {
            options = new LatencyProbeOptions(parse.GetValue(_output)!, parse.GetValue(_input)!)
            {
                Size = OptionText.Size(parse.GetValue(_size)!),
                Rate = Rational.Parse(parse.GetValue(_fps)!),
                Duration = TimeSpan.FromSeconds(parse.GetValue(_duration)),
            };
        }
        catch (Exception error) when (error is FormatException or OverflowException)
        {
            return Usage.Report([error.Message], "probe-latency");
        }
        if (FileRules.Problems(
        [
            .. Files(options.Input).Select(f => FileUse.Read("input", f)),
            .. Files(options.Output).Select(f => FileUse.Write("output", f)),
        ]) is { Count: > 0 } problems)
            return Usage.Report(problems, "probe-latency");
        using var signals = new CancelOnSignal();
        var report = LatencyProbe.Run(options, signals.Token);
        Console.Out.WriteLine(parse.GetValue(_json) ? JsonSerializer.Serialize(report, Format) : Text(report));
        return ExitCode.Ok;
    }

    private static string[] Files(string address) => MediaAddress.Parse(address).Kind == MediaKind.File ? [address] : [];

    private static string Text(LatencyReport r) => string.Create(CultureInfo.InvariantCulture,
        $"latency p50 {r.P50:0.0} p95 {r.P95:0.0} p99 {r.P99:0.0} ms (min {r.Minimum:0.0}, max {r.Maximum:0.0}); "
            + $"first picture after {r.FirstPicture:0} ms; {r.Received} of {r.Sent} pictures, {r.Repeated} repeated, "
            + $"{r.Unreadable} unreadable; sound {Sound(r)}");

    private static string Sound(LatencyReport r) => r.SoundOffset is not { } offset ? "none" : string.Create(CultureInfo.InvariantCulture,
        $"{offset:+0.0;-0.0;0.0} ms (p95 {r.SoundOffsetP95:0.0}, worst {r.SoundOffsetWorst:+0.0;-0.0;0.0}, {r.Beeps} beeps; "
            + $"worst at the start {(r.SoundOffsetAtStart is { } start ? $"{start:+0.0;-0.0;0.0}" : "none")})");
}
