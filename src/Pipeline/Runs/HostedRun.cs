using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
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

namespace StreamDiff.Pipeline.Runs;

/// <summary>
/// One run, of a file or live: a host with a single session. A deadline has the policy that keeps it; without one chunks follow each other
/// as published, and a replay does what was recorded.
/// </summary>
internal sealed class HostedRun : IDisposable
{
    private const string Name = "run";

    // Longer than anything that may wait.
    private static readonly SessionSlo Unhurried = new() { Deadline = TimeSpan.FromDays(1), Ladder = [] };

    private readonly RunControl _control;

    private HostedRun(SessionHost host, RunControl control, SessionRequest request) => (Host, _control, Request) = (host, control, request);

    public SessionHost Host { get; }

    /// <summary>What its session is to be.</summary>
    public SessionRequest Request { get; }

    /// <param name="model">Stays the caller's.</param>
    /// <param name="options">The run.</param>
    /// <param name="controls">Its changes; null where only the options' timeline counts.</param>
    /// <param name="time">How a file's stamps read as time; null for a live source.</param>
    /// <param name="log">Told of changes of state.</param>
    /// <exception cref="ControlException">Timeline or log cannot be used.</exception>
    public static HostedRun Open(
        LoadedModel model, RestyleOptions options, StreamControls? controls, Func<long, TimeSpan>? time, Action<LiveEvent> log)
    {
        var isLive = time is null;
        var size = options.Frame.SizeFor(model.Model);
        var latency = options.Live.Deadline is null ? null : HostLatency.Find(model, options.Sampling, size, log);
        var settings = model.Settings(options.Sampling, size);
        var control = RunControl.Begin(options, RunControl.Scheduled(options, controls), model, isLive,
            text => log(new LiveEvent(TimeSpan.Zero, false, "control", "note", text)));
        try
        {
            var room = new HostOptions
            {
                Lanes = Lanes(settings, control.Controls, model),
                // One encodes while the other decodes.
                Workers = 2,
                Latency = latency,
                // A run of one's own is never refused: it gives up what it must.
                Refuses = false,
            };
            if (isLive)
                WarmUp(model, options.Sampling, size, room, Frames(settings));
            var host = new SessionHost(
                model, room, Policy(options.Sampling, control.Controls.Recording, latency), new LiveClock(TimeProvider.System), log);
            return new HostedRun(host, control, new SessionRequest(Name, options.Sampling, size, Slo(options))
            {
                Controls = control.Controls,
                Log = control.Log,
                HasAlpha = options.Output.HasAlpha,
                KeepsAll = !isLive,
                HoldsLittle = isLive && options.Live.Deadline is null,
                Time = time,
            });
        }
        catch
        {
            control.Dispose();
            throw;
        }
    }

    /// <summary>The run is over, its session gone. Why its log is not whole, if it is not.</summary>
    /// <param name="cancelled">True when somebody stopped it.</param>
    public string? End(bool cancelled) => _control.End(cancelled);

    public void Dispose()
    {
        Host.Dispose();
        _control.Dispose();
    }

    private static IBatchPolicy Policy(SamplingOptions options, Recording? recording, LatencyModel? latency) =>
        recording is not null ? recording
        : latency is not null ? new DeadlineBatchPolicy(latency)
        : options.Mode == DenoisingMode.StreamBatch ? new FixedStreamBatch()
        : new FixedSequential();

    private static SessionSlo Slo(RestyleOptions options) => options.Live.Deadline is { } deadline
        ? new SessionSlo { Deadline = deadline, TargetFps = LiveRestyle.RateOf(options).ToDouble() }
        : Unhurried;

    // What is not known to come takes no memory.
    private static int Lanes(StreamSettings settings, StreamControls controls, LoadedModel model)
    {
        if (settings.Denoiser.OnOneLane)
            return 1;
        return controls.IsOpenEnded
            ? settings.Timesteps(model.Config).Count
            : controls.Scheduled.OfType<StepsChange>().Select(s => s.Steps).Append(settings.Denoiser.Timesteps.Count).Max();
    }

    // The first chunks take several times as long as all later ones, and a live run would measure its delay by them: a few black ones go
    // first.
    private static void WarmUp(LoadedModel model, SamplingOptions options, (int Width, int Height) size, HostOptions room, int count)
    {
        using var host = new SessionHost(model, room, Policy(options, null, null), new LiveClock(TimeProvider.System));
        using var frames = new FramePool();
        var request = new SessionRequest("warm-up", options, size, Unhurried)
        {
            Controls = new StreamControls(isOpenEnded: false),
            KeepsAll = true,
        };
        using var session = host.Start(request, finished => finished.Frame.Dispose());
        for (var i = 0; i < count; i++)
        {
            var black = VideoFrame.Rent(frames, size.Width, size.Height);
            black.Pixels.Clear();
            session.Offer(black, host.Clock.Now);
        }
        session.Finish();
        session.Completed.GetAwaiter().GetResult();
    }

    // The first chunk, which is one latent frame longer, and as many more as fill the batch.
    private static int Frames(StreamSettings settings) => 1 + Chunker.FramesPerLatent * (1 + settings.Denoiser.Timesteps.Count);
}
