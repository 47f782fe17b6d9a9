using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;

namespace StreamDiff.Bench.Soak;

/// <summary>Sessions of one host: device thread, workers and pools shared, as <c>streamdiff serve</c> has them.</summary>
internal sealed class HostSessions : ISoakHost
{
    private readonly SamplingOptions _run;
    private readonly SessionHost _host;
    private int _opened;

    public HostSessions(LoadedModel model, SamplingOptions run, IBatchPolicy policy, LatencyModel latency, HostOptions options)
    {
        _run = run;
        _host = new SessionHost(model, options, policy, new LiveClock(TimeProvider.System)) { Measured = latency.Observe };
        Description = $"sessions of one host, policy {policy.Name}";
    }

    public string Description { get; }

    public ISoakSession Open(int steps, (int Width, int Height) size, double rate, long seed) =>
        new HostedSession(_host, new SessionRequest(
            $"soak {Interlocked.Increment(ref _opened)}",
            _run with { Steps = steps, Seed = seed, Prompt = "a painting" }, size,
            new SessionSlo { TargetFps = rate }));

    public void Dispose() => _host.Dispose();

    private sealed class HostedSession : ISoakSession
    {
        private readonly SessionHost _host;
        private readonly Session _session;
        private long _given;

        public HostedSession(SessionHost host, SessionRequest request)
        {
            _host = host;
            _session = host.Start(request, finished =>
            {
                finished.Frame.Dispose();
                Interlocked.Increment(ref _given);
            });
        }

        public long Given => Interlocked.Read(ref _given);

        public void Offer(VideoFrame frame) => _session.Offer(frame, _host.Clock.Now);

        public void ThrowIfFailed()
        {
            if (_session.Fault is { } fault)
                throw new PipelineException("session", _session.Statistics.Chunks, fault);
        }

        public void Dispose() => _session.Dispose();
    }
}
