using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using Orleans.Utilities;
using StreamDiff.Client;
using StreamDiff.Fleet.Contracts;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Fleet.Grains;

/// <summary>
/// Who is there and what runs where. Names of streams are kept; the rest is told again by streams and workers when this is begun anew.
/// A place is taken in the same turn in which it is found: nobody is admitted to a place that somebody else has just been given.
/// </summary>
[Reentrant]
internal sealed class FleetGrain : Grain, IFleetGrain
{
    private const int MostEnded = 100;
    private const int DeparturesKept = 20;
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan FrontsAreHeardOf = TimeSpan.FromSeconds(10);

    // A worker that was told to begin a replay says so by then.
    private static readonly TimeSpan ReplaysAreHeardOf = TimeSpan.FromSeconds(10);

    private readonly IPersistentState<Kept> _kept;
    private readonly FleetRules _rules;
    private readonly FleetTimes _times;
    private readonly TimeProvider _time;
    private readonly ILogger<FleetGrain> _log;
    private readonly ObserverManager<IFleetObserver> _observers;
    private readonly Dictionary<string, StreamView> _streams = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PlacedWorker> _workers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _fronts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, DateTimeOffset> _idle = new(StringComparer.Ordinal);
    private readonly Queue<DateTimeOffset> _departures = new();

    // Names of streams that have not answered since this was begun.
    private readonly HashSet<string> _unread = new(StringComparer.Ordinal);
    private bool _isPlacing;
    private Task _writing = Task.CompletedTask;
    private Task? _nextWrite;
    private bool _isUnwritten;
    private long _moves;
    private long _lost;
    private long _refused;
    private long _events;
    private DateTimeOffset _moved;

    public FleetGrain(
        [PersistentState("fleet", StreamGrain.Storage)] IPersistentState<Kept> kept, FleetRules rules, FleetTimes times,
        TimeProvider time, ILogger<FleetGrain> log)
    {
        (_kept, _rules, _times, _time, _log) = (kept, rules, times, time, log);
        _observers = new ObserverManager<IFleetObserver>(TimeSpan.FromMinutes(1), log);
    }

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _unread.UnionWith(_kept.State.Read<string[]>() ?? []);
        await Recall(_unread);
        _ = this.RegisterGrainTimer(Look, new GrainTimerCreationOptions(LookEvery, LookEvery) { KeepAlive = true, Interleave = true });
    }

    public Task<PlacementVerdict> Place(string name, StreamDemand demand, string? except, string? only)
    {
        var verdict = FleetPlacement.Place(
            _workers.Values.Where(w => w.Summary is not null && (only is null || w.Summary.Name == only)).Select(w => w.Worker), demand,
            except);
        if (verdict.Worker is { } worker)
            _workers[worker].Add(name, demand);
        else if (!_streams.ContainsKey(name))
            _refused++;
        return Task.FromResult(verdict);
    }

    public Task Release(string name, string worker)
    {
        if (_workers.TryGetValue(worker, out var placed))
            placed.Remove(name);
        return Task.CompletedTask;
    }

    public Task<PlacementVerdict> PlaceReplay(string worker, StreamDemand demand)
    {
        if (!_workers.TryGetValue(worker, out var placed) || placed.Summary is null)
            return Task.FromResult(new PlacementVerdict(null, 0, "it is not heard of", null));
        if (placed.HasReplay)
            return Task.FromResult(new PlacementVerdict(null, placed.Worker.Load, "it runs a replay already", null));
        var verdict = placed.Worker.Ask(demand);
        if (verdict.Worker is not null)
            placed.Replay(demand, _time.GetUtcNow());
        return Task.FromResult(verdict);
    }

    public Task ReleaseReplay(string worker)
    {
        if (_workers.TryGetValue(worker, out var placed))
            FreeReplay(placed);
        return Task.CompletedTask;
    }

    public Task Put(StreamView view)
    {
        var isNew = Know(view);
        return isNew || _isUnwritten ? Write() : Task.CompletedTask;
    }

    public Task Remove(string name)
    {
        _ = _streams.Remove(name);
        foreach (var worker in _workers.Values)
            worker.Remove(name);
        return Write();
    }

    public Task<string?> MayQueue() => Task.FromResult(
        _streams.Values.Count(s => s.Phase == StreamPhase.Queued) is var waiting && waiting < _rules.MostQueued
            ? null
            : $"{waiting} wait already, {_rules.MostQueued} are the most");

    public Task<StreamView?> Find(string name) => Task.FromResult(_streams.GetValueOrDefault(name));

    public Task<IReadOnlyList<StreamView>> Streams() => Task.FromResult<IReadOnlyList<StreamView>>(_streams.Values.ToArray());

    public Task<IReadOnlyList<WorkerView>> Workers() => Task.FromResult<IReadOnlyList<WorkerView>>(
        _workers.Values.Where(w => w.Summary is not null)
            .Select(w => new WorkerView(w.Summary!, w.Names.ToArray(), w.Worker.Load)).ToArray());

    public Task<FleetNumbers> Numbers()
    {
        var workers = _workers.Values.Where(w => w.Summary is not null).ToList();
        return Task.FromResult(new FleetNumbers(
            workers.Count, workers.Count(w => w.Summary!.IsDraining), _streams.Values.Count(s => s.Lease is not null),
            _streams.Values.Count(s => s.Phase == StreamPhase.Queued), _streams.Values.Count(s => s.Phase == StreamPhase.Suspended),
            workers.Count == 0 ? 0 : workers.Average(w => w.Worker.Load), _moves, _lost, _refused));
    }

    public Task<(int Position, TimeSpan? Wait)?> QueueOf(string name)
    {
        var place = Queue().ToList().FindIndex(s => s.Spec.Name == name) + 1;
        if (place == 0)
            return Task.FromResult<(int, TimeSpan?)?>(null);
        // As often as places have become free of late.
        TimeSpan? each = _departures.Count < 2 ? null : (_departures.Last() - _departures.Peek()) / (_departures.Count - 1);
        return Task.FromResult<(int, TimeSpan?)?>((place, place * each));
    }

    public Task Seen(WorkerSummary worker, IReadOnlyList<StreamReport> streams, IReadOnlyList<StudioEvent> events)
    {
        if (!_workers.TryGetValue(worker.Name, out var placed))
            _workers[worker.Name] = placed = new PlacedWorker();
        placed.SeenAt = _time.GetUtcNow();
        var hasRoom = placed.Summary is null || placed.Summary.Capacity != worker.Capacity;
        if (placed.Summary is null)
            Tell("note", null, $"worker {worker.Name} has come: {worker.Address}", false);
        placed.Is(worker);
        // One that this does not know of was begun before it: it is counted as a stream.
        if (worker.IsReplaying)
            placed.Replays(new StreamDemand(null, null), _time.GetUtcNow());
        else if (placed.IsReplayOver(_time.GetUtcNow() - ReplaysAreHeardOf))
            FreeReplay(placed);
        foreach (var report in streams)
            if (_streams.GetValueOrDefault(report.Name) is { IsAlive: true } view && view.Lease?.Epoch == report.Epoch
                && report.Info is not null)
            {
                _streams[report.Name] = view with { Info = report.Info };
                Idle(view, report);
            }
        foreach (var news in events)
            Tell(news.Kind, news.Session, news.Text, news.IsTrouble);
        if (hasRoom)
            Later(TryQueue());
        return Task.CompletedTask;
    }

    public Task WorkerLost(string worker, string why)
    {
        if (_workers.Remove(worker) && why.Length > 0)
        {
            _lost++;
            Tell("note", null, $"worker {worker} is lost: {why}", true);
        }
        return Task.CompletedTask;
    }

    public async Task Drain(string worker)
    {
        Tell("note", null, $"worker {worker} is drained", false);
        foreach (var view in _streams.Values.Where(s => s.IsAlive && s.Lease?.Worker == worker && s.Next is null).ToList())
            await StreamOf(view.Spec.Name).Move(view.Lease!.Epoch, null);
    }

    public Task FrontIsHere(string relay)
    {
        _fronts[relay] = _time.GetUtcNow();
        return Task.CompletedTask;
    }

    public Task<string> Relays() => Task.FromResult(string.Join(
        ',', _fronts.Where(f => _time.GetUtcNow() - f.Value < FrontsAreHeardOf).Select(f => f.Key).Order(StringComparer.Ordinal)));

    public Task Subscribe(IFleetObserver observer)
    {
        _observers.Subscribe(observer, observer);
        return Task.CompletedTask;
    }

    // True for one that was not known.
    private bool Know(StreamView view)
    {
        var name = view.Spec.Name;
        // Whose name is kept is not new.
        var isNew = !_streams.TryGetValue(name, out var before) & !_unread.Remove(name);
        _streams[name] = view with { Info = view.Info ?? before?.Info };
        var freed = before?.Lease is not null && view.Lease is null;
        foreach (var worker in _workers.Values)
            worker.Remove(name);
        foreach (var lease in ((StreamLease?[])[view.Lease, view.Next]).OfType<StreamLease>())
        {
            if (!_workers.TryGetValue(lease.Worker, out var placed))
                _workers[lease.Worker] = placed = new PlacedWorker { SeenAt = _time.GetUtcNow() };
            placed.Add(name, view.Spec.Demand);
        }
        if (before is not null && view.Moves > before.Moves)
        {
            _moves++;
            var where = view.Lease is { } to ? $"moved to worker {to.Worker}" : view.Reason ?? "waits for a worker";
            Tell("note", name, where, view.Lease is null);
        }
        if (before is { IsAlive: true } && !view.IsAlive)
            foreach (var old in _streams.Values.Where(s => !s.IsAlive).OrderByDescending(s => s.Ended).Skip(MostEnded).ToList())
                Later(StreamOf(old.Spec.Name).Forget());
        if (freed)
        {
            _departures.Enqueue(_time.GetUtcNow());
            if (_departures.Count > DeparturesKept)
                _ = _departures.Dequeue();
            Later(TryQueue());
        }
        return isNew;
    }

    private IEnumerable<StreamView> Queue() =>
        _streams.Values.Where(s => s.Phase == StreamPhase.Queued).OrderBy(s => s.QueuedAt).ThenBy(s => s.Spec.Name, StringComparer.Ordinal);

    // First come, first served: nobody overtakes, so that a large stream is not kept out by small ones for ever.
    private async Task TryQueue()
    {
        if (_isPlacing)
            return;
        _isPlacing = true;
        try
        {
            // One that has just failed lets the others go before it.
            while (Queue().FirstOrDefault(s => s.NotBefore is not { } pause || pause <= _time.GetUtcNow()) is { } first
                && await StreamOf(first.Spec.Name).TryPlace())
            {
            }
        }
        finally
        {
            _isPlacing = false;
        }
    }

    private async Task Look(CancellationToken ct)
    {
        Later(Recall(_unread));
        FindLost();
        await TryQueue();
        // Those that had no place to go to when their worker was to be drained.
        foreach (var draining in _workers.Values.Where(w => w.Summary?.IsDraining == true).ToList())
            foreach (var view in _streams.Values
                .Where(s => s.IsAlive && s.Lease?.Worker == draining.Summary!.Name && s.Next is null).ToList())
                await StreamOf(view.Spec.Name).Move(view.Lease!.Epoch, null);
        await Rebalance();
    }

    // What the streams say is what is so. One that does not answer keeps nobody from the others, and is asked again.
    private Task Recall(IEnumerable<string> names) => Task.WhenAll(names.ToArray().Select(async name =>
    {
        try
        {
            if (await StreamOf(name).Recall() is { } view)
                Know(view);
            else
                _ = _unread.Remove(name);
        }
        catch (Exception e)
        {
            _log.LogWarning("stream {Stream} is not known yet: {Problem}", name, e.Message);
        }
    }));

    // Who watches a worker may be gone with the front it was at, and begins again when it is asked for something.
    private void FindLost()
    {
        var now = _time.GetUtcNow();
        foreach (var (worker, placed) in _workers.Where(w => now - w.Value.SeenAt > 3 * _times.Lost).ToList())
        {
            placed.SeenAt = now;
            Later(Recall(placed.Names.Where(name => _streams.GetValueOrDefault(name) is { IsAlive: true } view
                && (view.Lease?.Worker == worker || view.Next?.Worker == worker))));
        }
    }

    private async Task Rebalance()
    {
        var now = _time.GetUtcNow();
        if (_rules.RebalanceEvery is not { } every || now - _moved < every
            || _streams.Values.Any(s => s.Next is not null || s.Phase is StreamPhase.Opening or StreamPhase.Queued))
            return;
        var workers = _workers.Values.Where(w => w.Summary is { IsDraining: false }).ToList();
        if (FleetPlacement.Rebalance([.. workers.Select(w => w.Worker)], _rules.Apart) is not { } move)
            return;
        _moved = now;
        if (_workers[move.From].NameOf(move.Stream) is { } name
            && _streams.GetValueOrDefault(name) is { Phase: StreamPhase.Running, Lease: { } lease })
            await StreamOf(name).Move(lease.Epoch, move.To);
    }

    private void Idle(StreamView view, StreamReport report)
    {
        var name = view.Spec.Name;
        if (_rules.SuspendAfter is not { } after || report.Readers > 0 || report.Info?.Status is null or { Source: "open" }
            || view.Phase != StreamPhase.Running || view.Next is not null)
        {
            _ = _idle.Remove(name);
            return;
        }
        if (!_idle.TryGetValue(name, out var since))
            _idle[name] = _time.GetUtcNow();
        else if (_time.GetUtcNow() - since > after)
        {
            _ = _idle.Remove(name);
            Later(StreamOf(name).Suspend(view.Lease!.Epoch));
        }
    }

    private void FreeReplay(PlacedWorker placed)
    {
        placed.EndReplay();
        Later(TryQueue());
    }

    private void Tell(string kind, string? session, string text, bool isTrouble)
    {
        var news = new StudioEvent
        {
            Id = ++_events,
            Kind = kind,
            At = _time.GetUtcNow(),
            IsTrouble = isTrouble,
            Session = session,
            Text = text,
        };
        _observers.Notify(o => o.Happened(news));
    }

    // Many streams that come at once are kept together: whoever comes while one is being kept is kept with the next, and waits for that.
    private Task Write() => _nextWrite ??= WriteNext();

    private async Task WriteNext()
    {
        await Task.Yield();
        await _writing.ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
        (_nextWrite, _isUnwritten) = (null, true);
        _kept.State.Write(_streams.Keys.Concat(_unread).ToArray());
        await (_writing = _kept.WriteStateAsync());
        // Whoever came meanwhile waits for the next one.
        _isUnwritten = _nextWrite is not null;
    }

    private IStreamGrain StreamOf(string name) => GrainFactory.GetGrain<IStreamGrain>(name);

    private async void Later(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception e)
        {
            _log.LogWarning("fleet: {Problem}", e.Message);
        }
    }
}
