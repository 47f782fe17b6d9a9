using System.Globalization;
using StreamDiff.Cli.Output;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;

namespace StreamDiff.Cli.Serve;

/// <summary>A line for each change, and one for each session when its status is told.</summary>
internal sealed class ServeText : IServeLog
{
    private readonly Lock _gate = new();

    public void Tell(LiveEvent news)
    {
        var who = news.Session is { } session
            ? news.Part == "session" ? $"session {session}" : $"session {session} {news.Part}"
            : news.Part;
        Write(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{RunText.Duration(news.At)} {(news.IsTrouble ? "! " : "")}{who}: "
                    + $"{(news.State == news.Text ? "" : $"{news.State}: ")}{news.Text}"));
    }

    public void Say(string text, bool isError = false) => Write(isError ? $"error: {text}" : text);

    public void Status(SessionServer server, bool isLast = false)
    {
        foreach (var session in server.Sessions)
            if (isLast)
                Console.Out.WriteLine(Line(session));
            else
                Write(Line(session));
        if (!isLast)
            Write(Line(server.Statistics));
    }

    private void Write(string text)
    {
        lock (_gate)
            CommandLine.Say.Line(text);
    }

    private static string Line(ServedRun served)
    {
        var (s, status) = (served.Statistics, served.Status);
        var misses = string.Join(", ", s.Misses.Where(m => m.Value > 0).Select(m => $"{m.Key.ToString().ToLowerInvariant()} {m.Value}"));
        var first = s.FirstFrame is { } time ? $"{time.TotalMilliseconds:0} ms" : "none yet";
        return string.Create(CultureInfo.InvariantCulture,
            $"{served.Name}: source {status?.SourceState ?? "waiting"}, in {status?.InRate ?? 0:0.0} fps, new {status?.NewRate ?? 0:0.0} "
                + $"fps, latency {s.LatencyP50.TotalMilliseconds:0} / {s.LatencyP95.TotalMilliseconds:0} ms, "
                + $"first picture {first}, late {s.Late} of {s.FramesOut}{(misses.Length > 0 ? $" ({misses})" : "")}, dropped {s.Dropped}, "
                + $"steps {s.Steps}{(s.Degraded.Count > 0 ? $", given up: {string.Join(", ", s.Degraded)}" : "")}");
    }

    private static string Line(HostStatistics host) => string.Create(CultureInfo.InvariantCulture,
        $"{host.Sessions} sessions, load {100 * host.Load:0} %, lanes {host.LanesLeased} of {host.LanesAll}, "
            + $"{(host.Ticks == 0 ? 0 : (double)host.Rows / host.Ticks):0.0} rows a tick, cache {host.CacheBytes >> 20} MB");
}
