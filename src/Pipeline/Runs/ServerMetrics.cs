using System.Diagnostics.Metrics;
using StreamDiff.Pipeline.Host;

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
                .Select(s => new Measurement<T>(value(s.Session.Statistics), new KeyValuePair<string, object?>("session", s.Name)));

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
        _meter.CreateObservableGauge("streamdiff.host.sessions", () => host().Sessions, description: "Sessions that live.");
        _meter.CreateObservableGauge(
            "streamdiff.host.load", () => host().Load, description: "Share of the device's time that the sessions need.");
        _meter.CreateObservableCounter("streamdiff.host.ticks", () => host().Ticks, description: "Passes of the network.");
        _meter.CreateObservableCounter("streamdiff.host.busy", () => host().Busy.TotalSeconds, "s", "Time spent in passes.");
    }

    public void Dispose() => _meter.Dispose();
}
