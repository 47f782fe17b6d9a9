using StreamDiff.Models;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Live;
using StreamDiff.Scheduling.Batching;
using StreamDiff.Scheduling.Slo;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>One live run with a deadline: a host with a single session.</summary>
internal sealed class HostedRun : IDisposable
{
    private readonly SessionHost _host;
    private readonly HostPath _path;
    private readonly RunControl _control;

    private HostedRun(SessionHost host, HostPath path, RunControl control) => (_host, _path, _control) = (host, path, control);

    /// <summary>The clock of the run.</summary>
    public LiveClock Clock => _host.Clock;

    public static HostedRun Open(LoadedModel model, RestyleOptions options, SessionControls? controls, Action<LiveEvent> log)
    {
        var latency = HostLatency.Find(model, options, log);
        var control = RunControl.For(options, controls, () => throw new InvalidOperationException("a run with a deadline writes no log"));
        // A run of one's own is never refused: it gives up what it must.
        var room = new HostOptions { Lanes = model.Config.Diffusion.DenoisingSteps.Count, Latency = latency, Refuses = false };
        var host = new SessionHost(model, room, new DeadlineBatchPolicy(latency), new LiveClock(TimeProvider.System), log);
        try
        {
            var slo = new SessionSlo { Deadline = TimeSpan.FromMilliseconds(options.Deadline!.Value), TargetFps = options.Fps is null ? LiveRestyle.DefaultRate.ToDouble() : Rational.Parse(options.Fps).ToDouble() };
            return new HostedRun(host, new HostPath(host, new SessionRequest("run", options, slo) { Controls = control.Controls }), control);
        }
        catch
        {
            host.Dispose();
            control.Dispose();
            throw;
        }
    }

    public ILivePath MakePath(LiveRun run) => _path.To(run.Finished);

    public void Dispose()
    {
        _path.Dispose();
        _host.Dispose();
        _control.Dispose();
    }
}
