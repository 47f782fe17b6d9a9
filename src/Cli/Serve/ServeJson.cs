using System.Text.Encodings.Web;
using System.Text.Json;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Serve;

/// <summary>An object a line on standard error, each with the session that it is about; the last status on standard output.</summary>
internal sealed class ServeJson : IServeLog
{
    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };
    private readonly Lock _gate = new();

    public ServeJson() => StandardStreams.TellDropped((count, reason) => JsonSerializer.Serialize(
        new { kind = "event", level = "warning", part = "log", state = "dropped", text = $"{count} lines were dropped: {reason}" },
            Format));

    public void Tell(LiveEvent news) => Write(Console.Error, new
    {
        kind = "event",
        seconds = Math.Round(news.At.TotalSeconds, 3),
        level = news.IsTrouble ? "warning" : "info",
        session = news.Session,
        part = news.Part,
        state = news.State,
        text = news.Text,
    });

    public void Say(string text, bool isError = false) =>
        Write(Console.Error, new { kind = "answer", level = isError ? "error" : "info", text });

    public void Status(SessionServer server, bool isLast = false)
    {
        var (writer, kind) = isLast ? (Console.Out, "result") : (Console.Error, "status");
        foreach (var session in server.Sessions)
            Write(writer, Of(kind, session));
        Write(writer, Of(kind, server.Statistics));
    }

    private static object Of(string kind, ServedRun served)
    {
        var (s, status) = (served.Statistics, served.Status);
        return new
        {
            kind,
            session = served.Name,
            source = status?.SourceState ?? "waiting",
            fpsIn = Math.Round(status?.InRate ?? 0, 2),
            fpsNew = Math.Round(status?.NewRate ?? 0, 2),
            framesIn = s.FramesIn,
            framesOut = s.FramesOut,
            dropped = s.Dropped,
            late = s.Late,
            lateBy = s.Misses.Where(m => m.Value > 0).ToDictionary(m => m.Key.ToString().ToLowerInvariant(), m => m.Value),
            firstPictureMs = s.FirstFrame is { } first ? Milliseconds(first) : (double?)null,
            latencyP50Ms = Milliseconds(s.LatencyP50),
            latencyP95Ms = Milliseconds(s.LatencyP95),
            latencyP99Ms = Milliseconds(s.LatencyP99),
            latencyMaxMs = Milliseconds(s.LatencyMax),
            stagesMs = s.Stages.ToDictionary(p => JsonNamingPolicy.CamelCase.ConvertName(p.Key.ToString()), p => Milliseconds(p.Value)),
            steps = s.Steps,
            givenUp = s.Degraded,
            outputs = (status?.Outputs ?? [])
                .Select(o => new { name = o.Name, isOpen = o.IsOpen, sent = o.Sent, dropped = o.Dropped, reopened = o.Reopened }),
        };
    }

    private static object Of(string kind, HostStatistics host) => new
    {
        kind,
        sessions = host.Sessions,
        load = Math.Round(host.Load, 3),
        lanesLeased = host.LanesLeased,
        lanes = host.LanesAll,
        ticks = host.Ticks,
        rows = host.Rows,
        busySeconds = Math.Round(host.Busy.TotalSeconds, 3),
        cacheBytes = host.CacheBytes,
        residentBytes = Environment.WorkingSet,
    };

    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 1);

    private void Write(TextWriter writer, object value)
    {
        var line = JsonSerializer.Serialize(value, Format);
        lock (_gate)
            writer.WriteLine(line);
    }
}
