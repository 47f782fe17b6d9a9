using System.Text.Json;
using StreamDiff.Cli.Live;
using StreamDiff.CommandLine;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Serve;

/// <summary>An object a line on standard error, each with the session that it is about; the last status on standard output.</summary>
internal sealed class ServeJson : IServeLog
{
    public void Tell(LiveEvent news) => JsonLog.Write(news);

    public void Say(string text, bool isError = false) =>
        JsonLog.Write(new { kind = "answer", level = isError ? "error" : "info", text });

    public void Status(SessionServer server, bool isLast = false)
    {
        var kind = isLast ? "result" : "status";
        foreach (var session in server.Sessions)
            JsonLog.Write(Of(kind, session), isLast);
        JsonLog.Write(Of(kind, server.Statistics), isLast);
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
            link = OutputsText.Json(status?.Link),
            outputs = OutputsText.Json(status?.Outputs ?? []),
            encoders = OutputsText.Json(status?.Encoders ?? []),
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
}
