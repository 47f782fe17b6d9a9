using System.Diagnostics.Metrics;
using Orleans;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Fleet.Studios;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Server.Sessions;
using StreamDiff.Transport.Media.Relay;

namespace StreamDiff.Fleet.Fronts;

/// <summary>
/// What a front does besides answering HTTP: listens for publishers, watches workers, passes news on, counts.
/// </summary>
public sealed class FleetFront : IAsyncDisposable
{
    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500);

    private readonly IGrainFactory _grains;
    private readonly FleetSessions _sessions;
    private readonly Ingests _ingests;
    private readonly WorkerStudios _studios;
    private readonly WorkerWatch _watch;
    private readonly string _relay;
    private readonly Action<string, bool> _say;
    private readonly CancellationTokenSource _stop = new();
    private readonly Meter _meter = new("StreamDiff.Fleet");
    private readonly IFleetObserver _observer;
    private IFleetObserver? _reference;
    private volatile FleetNumbers _numbers = new(0, 0, 0, 0, 0, 0, 0, 0, 0);
    private Task _work = Task.CompletedTask;
    private IReadOnlyList<string> _said = [];

    /// <param name="grains">The fleet.</param>
    /// <param name="here">Reads descriptions; has no sessions itself.</param>
    /// <param name="port">Where workers have publishers' packets from.</param>
    /// <param name="relay">The same as workers reach it, HOST:PORT.</param>
    /// <param name="key">What the fleet knows itself by.</param>
    /// <param name="times">How long whoever asks waits.</param>
    /// <param name="say">Told what the user should know; true for trouble.</param>
    public FleetFront(
        IGrainFactory grains, StudioSessions here, RelayPort port, string relay, string key, FleetTimes times,
        Action<string, bool> say)
    {
        (_grains, _relay, _say) = (grains, relay, say);
        _ingests = new Ingests(port, here.Events);
        _studios = new WorkerStudios(grains, key);
        _sessions = new FleetSessions(grains, here, _ingests, _studios, times.Stop);
        _watch = new WorkerWatch(grains);
        _observer = new Observer(here);
        Gauge("streamdiff.fleet.workers", n => n.Workers, "Workers that are heard of.");
        Gauge("streamdiff.fleet.workers.draining", n => n.Draining, "Workers that take no more streams.");
        Gauge("streamdiff.fleet.streams.running", n => n.Running, "Streams that have a worker.");
        Gauge(
            "streamdiff.fleet.streams.queued", n => n.Queued, "Streams that wait for room: more workers are needed while there are any.");
        Gauge("streamdiff.fleet.streams.suspended", n => n.Suspended, "Streams that nobody sends to or watches.");
        Gauge("streamdiff.fleet.load", n => n.Load, "Mean share of the workers that is promised, 1 is all.");
        _ = _meter.CreateObservableCounter(
            "streamdiff.fleet.moves", () => _numbers.Moves, description: "Streams that changed their worker.");
        _ = _meter.CreateObservableCounter("streamdiff.fleet.workers.lost", () => _numbers.Lost, description: "Workers that were lost.");
        _ = _meter.CreateObservableCounter(
            "streamdiff.fleet.streams.refused", () => _numbers.Refused, description: "Streams that found no room.");
    }

    /// <summary>What HTTP sees.</summary>
    public ISessions Sessions => _sessions;

    /// <summary>Names of those that were heard of and take streams.</summary>
    public IReadOnlyList<string> Workers { get; private set; } = [];

    private IFleetGrain Fleet => _grains.GetGrain<IFleetGrain>(0);

    /// <summary>Begins.</summary>
    public void Begin() => _work = Task.Run(Work);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _work.ConfigureAwait(false);
        _watch.Dispose();
        _studios.Dispose();
        _meter.Dispose();
        _stop.Dispose();
    }

    private async Task Work()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                Say(await Look().ConfigureAwait(false));
            }
            catch (Exception e) when (!_stop.IsCancellationRequested)
            {
                Say([$"fleet: {e.Message.Split('\n')[0]}"]);
            }
            catch (Exception)
            {
                return;
            }
            await Task.Delay(Every, _stop.Token).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
        }
    }

    private async Task<IReadOnlyList<string>> Look()
    {
        await Fleet.FrontIsHere(_relay).ConfigureAwait(false);
        // Observers are let go of when nothing is heard of them.
        _reference ??= _grains.CreateObjectReference<IFleetObserver>(_observer);
        await Fleet.Subscribe(_reference).ConfigureAwait(false);
        var workers = await Fleet.Workers().ConfigureAwait(false);
        _watch.Be(workers);
        Workers = [.. workers.Where(w => !w.Summary.IsDraining).Select(w => w.Summary.Name)];
        _sessions.ModelName = workers.Count == 0
            ? null
            : workers.Select(w => w.Summary.Capacity.Model).FirstOrDefault(m => m is not null) ?? ComputeOptions.Passthrough;
        _sessions.IsReady = true;
        var streams = (await Fleet.Streams().ConfigureAwait(false)).Where(s => s.IsAlive).ToList();
        var wrong = _ingests.Be(streams);
        foreach (var view in streams.Where(s => s.Phase == StreamPhase.Suspended && _ingests.HasPublisher(s.Spec.Name)))
            await _grains.GetGrain<IStreamGrain>(view.Spec.Name).Resume().ConfigureAwait(false);
        _numbers = await Fleet.Numbers().ConfigureAwait(false);
        return wrong;
    }

    private void Gauge(string name, Func<FleetNumbers, double> value, string description) =>
        _ = _meter.CreateObservableGauge(name, () => value(_numbers), description: description);

    // What stays wrong is told once.
    private void Say(IReadOnlyList<string> wrong)
    {
        foreach (var line in wrong.Except(_said))
            _say(line, true);
        _said = wrong;
    }

    private sealed class Observer(StudioSessions here) : IFleetObserver
    {
        public Task Happened(StudioEvent news)
        {
            here.Events.Tell(news.Kind, news.Session, news.Text, news.IsTrouble);
            return Task.CompletedTask;
        }
    }
}
