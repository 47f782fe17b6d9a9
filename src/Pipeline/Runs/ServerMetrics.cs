using System.Diagnostics.Metrics;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Live;

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// A server's figures for System.Diagnostics.Metrics, each session by its name: <c>dotnet-counters monitor -n streamdiff --counters
/// StreamDiff.Sessions</c>.
/// </summary>
internal sealed class ServerMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "StreamDiff.Sessions";

    private readonly Meter _meter = new(Name);

    public ServerMetrics(Func<IReadOnlyList<ServedRun>> sessions, Func<HostStatistics> host)
    {
        IEnumerable<Measurement<T>> Each<T>(Func<SessionStatistics, T> value)
            where T : struct => sessions()
                .Select(s => new Measurement<T>(value(s.Statistics), new KeyValuePair<string, object?>("session", s.Name)));

        IEnumerable<Measurement<T>> EachLive<T>(Func<LiveStatus, T> value)
            where T : struct => sessions().Where(s => s.Status is not null)
                .Select(s => new Measurement<T>(value(s.Status!), new KeyValuePair<string, object?>("session", s.Name)));

        _meter.CreateObservableCounter(
            "streamdiff.session.frames.received", () => Each(s => s.FramesIn), "{frame}", "Pictures received from the source.");
        _meter.CreateObservableCounter("streamdiff.session.frames.given", () => Each(s => s.FramesOut), "{frame}", "Restyled pictures.");
        _meter.CreateObservableCounter(
            "streamdiff.session.frames.late", () => Each(s => s.Late), "{frame}", "Restyled pictures after their deadline.");
        _meter.CreateObservableCounter("streamdiff.session.frames.dropped", () => Each(s => s.Dropped), "{frame}", "Pictures left out.");
        _meter.CreateObservableGauge(
            "streamdiff.session.latency.p50", () => Each(s => s.LatencyP50.TotalMilliseconds), "ms", "Median from capture to hand-over.");
        _meter.CreateObservableGauge(
            "streamdiff.session.latency.p95", () => Each(s => s.LatencyP95.TotalMilliseconds), "ms",
            "95th percentile from capture to hand-over.");
        _meter.CreateObservableGauge(
            "streamdiff.session.given_up", () => Each(s => s.Degraded.Count), description: "Things given up to keep the deadline.");
        _meter.CreateObservableGauge(
            "streamdiff.session.drift", () => sessions().Select(s => (s.Name, s.Statistics.Drift)).Where(s => s.Drift is not null).Select(
                s => new Measurement<double>(s.Drift!.Value, new KeyValuePair<string, object?>("session", s.Name))),
            description: "How far pictures are from what the session's first seconds made of theirs, 0 to 1.");
        _meter.CreateObservableGauge(
            "streamdiff.session.rate", () => EachLive(s => s.NewRate), "{frame}/s", "New pictures a second, over the last second.");
        _meter.CreateObservableGauge(
            "streamdiff.session.source.open", () => EachLive(s => s.SourceState == "open" ? 1 : 0),
            description: "1 while its source is there.");
        _meter.CreateObservableCounter(
            "streamdiff.session.source.reopened", () => EachLive(s => s.SourceReopened), description: "Times that its source came back.");
        _meter.CreateObservableCounter(
            "streamdiff.session.frames.repeated", () => EachLive(s => s.Repeated), "{frame}", "Frames that showed the picture before.");
        _meter.CreateObservableCounter(
            "streamdiff.session.sound.missing", () => EachLive(s => s.SoundMissing.TotalSeconds), "s",
            "Silence in place of missing sound.");
        _meter.CreateObservableCounter(
            "streamdiff.session.output.reopened", () => EachLive(s => s.Outputs.Sum(o => o.Reopened)),
            description: "Times that outputs were opened again.");
        _meter.CreateObservableCounter(
            "streamdiff.session.output.dropped", () => EachLive(s => s.Outputs.Sum(o => o.Dropped)), "{frame}",
            "Pictures that outputs were too slow for.");
        _meter.CreateObservableCounter("streamdiff.session.late_by_stage", () => sessions().SelectMany(s => s.Statistics.Misses.Select(
            m => new Measurement<long>(m.Value, new("session", s.Name), new("stage", m.Key.ToString().ToLowerInvariant())))), "{frame}",
            "Late pictures by the stage that was to blame.");
        _meter.CreateObservableGauge("streamdiff.host.sessions", () => host().Sessions, description: "Sessions that live.");
        _meter.CreateObservableGauge(
            "streamdiff.host.load", () => host().Load, description: "Share of the device's time that the sessions need.");
        _meter.CreateObservableCounter("streamdiff.host.ticks", () => host().Ticks, description: "Passes of the network.");
        _meter.CreateObservableCounter("streamdiff.host.busy", () => host().Busy.TotalSeconds, "s", "Time spent in passes.");
    }

    public void Dispose() => _meter.Dispose();
}
