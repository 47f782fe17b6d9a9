using StreamDiff.Bench.Load;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Bench.Soak;

/// <summary>Sessions of one host: device thread, workers and pools shared, as <c>streamdiff serve</c> has them.</summary>
internal sealed class HostSessions : ISoakHost
{
    private const int FirstSettled = 190;
    private const int LastSettled = 310;
    private const int Calm = 8;
    private const int Patience = 1000;
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(25);

    private readonly LoadedModel _model;
    private readonly SamplingOptions _run;
    private readonly SessionHost _host;
    private int _opened;

    public HostSessions(LoadedModel model, SamplingOptions run, IBatchPolicy policy, LatencyModel latency, HostOptions options)
    {
        (_model, _run) = (model, run);
        _host = new SessionHost(model, options, policy, new LiveClock(TimeProvider.System)) { Measured = latency.Observe };
        Description = $"sessions of one host, policy {policy.Name}";
    }

    public string Description { get; }

    public ISoakSession? Open(int steps, (int Width, int Height) size, double rate, long seed)
    {
        try
        {
            return new HostedSession(_host, new SessionRequest(
                $"soak {Interlocked.Increment(ref _opened)}",
                _run with { Steps = steps, Seed = seed, Prompt = "a painting" }, size,
                new SessionSlo { TargetFps = rate }));
        }
        catch (AdmissionException)
        {
            return null;
        }
    }

    /// <summary>A stream whose first timestep takes every value that changes of noise and motion can give it.</summary>
    public void Settle()
    {
        var size = (Width: 64, Height: 64);
        using var frames = new TestFrames(size);
        // By half a thousandth, so that none is passed over.
        var course = Enumerable.Range(2 * FirstSettled, 2 * (LastSettled - FirstSettled))
            .Select((scale, i) => new TimelineEntry(new TimelinePoint(Chunk: i + 1), new NoiseScaleChange(scale / 2000.0))).ToList();
        var request = new SessionRequest("settling", _run with { Steps = 1 }, size, new SessionSlo { Ladder = [], TargetFps = 1 })
        {
            Controls = new StreamControls(new Timeline([.. course])),
            KeepsAll = true,
        };
        using var session = _host.Start(request, finished => finished.Frame.Dispose());
        for (var i = 0; i <= Chunker.FramesPerLatent * (course.Count + 1); i++)
        {
            session.WaitForRoom();
            session.Offer(frames.Give(i), _host.Clock.Now);
        }
        session.Finish();
        session.Completed.GetAwaiter().GetResult();
    }

    /// <summary>Ranks free what they held of a session a moment after it has ended.</summary>
    public void Rest(CancellationToken cancellation)
    {
        var (tensors, calm) = (-1L, 0);
        for (var left = Patience; calm < Calm && left > 0 && !cancellation.WaitHandle.WaitOne(Moment); left--)
        {
            var now = Tensor.TotalCount;
            calm = now == tensors && !_model.Prompts.IsLoaded ? calm + 1 : 0;
            tensors = now;
        }
    }

    public void Dispose() => _host.Dispose();

    private sealed class HostedSession : ISoakSession
    {
        private readonly SessionHost _host;
        private readonly Session _session;
        private long _given;
        private long _changed;

        public HostedSession(SessionHost host, SessionRequest request)
        {
            _host = host;
            var controls = new StreamControls();
            controls.Applied += _ => Interlocked.Increment(ref _changed);
            _session = host.Start(request with { Controls = controls }, finished =>
            {
                finished.Frame.Dispose();
                Interlocked.Increment(ref _given);
            });
        }

        public long Given => Interlocked.Read(ref _given);

        public long Changed => Interlocked.Read(ref _changed);

        public void Change(ControlChange change) => _session.Controls.Apply(change);

        public void Offer(VideoFrame frame) => _session.Offer(frame, _host.Clock.Now);

        public void ThrowIfFailed()
        {
            if (_session.Fault is { } fault)
                throw new PipelineException("session", _session.Statistics.Chunks, fault);
        }

        public void Dispose() => _session.Dispose();
    }
}
