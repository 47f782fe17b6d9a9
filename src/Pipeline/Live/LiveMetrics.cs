using System.Diagnostics.Metrics;

namespace StreamDiff.Pipeline.Live;

/// <summary>
/// A run's figures for System.Diagnostics.Metrics: <c>dotnet-counters monitor -n streamdiff --counters StreamDiff.Live</c>.
/// </summary>
internal sealed class LiveMetrics : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "StreamDiff.Live";

    private readonly Meter _meter = new(Name);

    public LiveMetrics(Func<LiveStatus> status)
    {
        _meter.CreateObservableCounter(
            "streamdiff.live.frames.received", () => status().FramesIn, "{frame}", "Pictures received from the source.");
        _meter.CreateObservableCounter(
            "streamdiff.live.frames.new", () => status().FramesNew, "{frame}", "Pictures sent for the first time.");
        _meter.CreateObservableCounter(
            "streamdiff.live.frames.sent", () => status().FramesOut, "{frame}", "Frames sent, repeated ones included.");
        _meter.CreateObservableCounter(
            "streamdiff.live.frames.dropped", () => status().Dropped, "{frame}", "Pictures received and never shown.");
        _meter.CreateObservableCounter(
            "streamdiff.live.frames.repeated", () => status().Repeated, "{frame}", "Frames that showed the picture before.");
        _meter.CreateObservableCounter(
            "streamdiff.live.source.reopened", () => status().SourceReopened, description: "Times that the source came back.");
        _meter.CreateObservableCounter(
            "streamdiff.live.sound.missing", () => status().SoundMissing.TotalSeconds, "s", "Silence in place of missing sound.");
        _meter.CreateObservableGauge(
            "streamdiff.live.sound.behind", () => status().SoundBehind.TotalMilliseconds, "ms", "Sound behind its pictures at hand-over.");
        _meter.CreateObservableGauge(
            "streamdiff.live.jitter", () => status().Jitter.TotalMilliseconds, "ms", "Pictures held because they come in bursts.");
        _meter.CreateObservableGauge(
            "streamdiff.live.latency.p50", () => status().LatencyP50.TotalMilliseconds, "ms", "Median from source to output.");
        _meter.CreateObservableGauge(
            "streamdiff.live.latency.p95", () => status().LatencyP95.TotalMilliseconds, "ms", "95th percentile from source to output.");
        _meter.CreateObservableCounter(
            "streamdiff.live.output.reopened", () => Each(status(), o => o.Reopened),
            description: "Times that an output was opened again.");
        _meter.CreateObservableCounter(
            "streamdiff.live.output.dropped", () => Each(status(), o => o.Dropped), "{frame}", "Pictures that an output was too slow for.");
        _meter.CreateObservableCounter(
            "streamdiff.live.encoder.made",
            () => status().Encoders.Select(e => new Measurement<long>(
                e.Made, new KeyValuePair<string, object?>("encoder", $"{e.Number}"), new KeyValuePair<string, object?>("stream", e.Name))),
            description: "Pictures, or blocks of sound, that an encoder has made for all outputs that share it.");
    }

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> Each(LiveStatus status, Func<OutputStatus, long> value) =>
        status.Outputs.Select(o => new Measurement<long>(value(o), new KeyValuePair<string, object?>("output", o.Name)));
}
