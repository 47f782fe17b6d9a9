using System.Text.Encodings.Web;
using System.Text.Json;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Live;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Live;

/// <summary>
/// Every change of state and the status every ten seconds as a JSON object a line, on standard error; the final status on standard output.
/// </summary>
internal sealed class LiveJson : ILiveReport
{
    private const int StatusEvery = 10;
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private readonly Lock _gate = new();
    private int _seconds;

    public LiveJson() => StandardStreams.TellDropped((count, reason) => JsonSerializer.Serialize(
        new { kind = "event", level = "warning", part = "log", state = "dropped", text = $"{count} lines were dropped: {reason}" },
            Format));

    public void Tell(LiveEvent news) =>
        Write(Console.Error, new
        {
            kind = "event",
            seconds = Seconds(news.At),
            level = news.IsTrouble
            ? "warning"
            : "info",
            part = news.Part,
            state = news.State,
            text = news.Text
        });

    public void Report(LiveStatus value)
    {
        if (_seconds++ % StatusEvery == StatusEvery - 1)
            Write(Console.Error, Status("status", value));
    }

    public void Finish(LiveResult result) => Write(Console.Out, Status("result", result.Status));

    public void Dispose()
    {
    }

    private static object Status(string kind, LiveStatus s) => new
    {
        kind,
        seconds = Seconds(s.Elapsed),
        source = s.SourceState,
        framesIn = s.FramesIn,
        framesNew = s.FramesNew,
        framesOut = s.FramesOut,
        fpsIn = Math.Round(s.InRate, 2),
        fpsNew = Math.Round(s.NewRate, 2),
        fpsOut = Math.Round(s.OutRate, 2),
        latencyP50Ms = Math.Round(s.LatencyP50.TotalMilliseconds, 1),
        latencyP95Ms = Math.Round(s.LatencyP95.TotalMilliseconds, 1),
        dropped = s.Dropped,
        repeated = s.Repeated,
        reconnects = s.SourceReopened,
        soundMissingSeconds = Seconds(s.SoundMissing),
        soundBehindMs = Math.Round(s.SoundBehind.TotalMilliseconds, 1),
        jitterMs = Math.Round(s.Jitter.TotalMilliseconds, 1),
        outputs = s.Outputs.Select(o =>
            new { name = o.Name, isOpen = o.IsOpen, sent = o.Sent, dropped = o.Dropped, reopened = o.Reopened }),
    };

    private static double Seconds(TimeSpan time) => Math.Round(time.TotalSeconds, 3);

    private void Write(TextWriter writer, object value)
    {
        var line = JsonSerializer.Serialize(value, Format);
        lock (_gate)
            writer.WriteLine(line);
    }
}
