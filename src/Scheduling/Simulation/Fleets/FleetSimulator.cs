using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Placement;
using StreamDiff.Scheduling.Statistics;

namespace StreamDiff.Scheduling.Simulation.Fleets;

/// <summary>
/// A fleet in virtual time: the placement that a fleet asks, the admission that hosts ask, the policies that devices ask. Users come, wait
/// in turn where there is no room, and go; workers die and are drained. Streams of a worker that died go before those who have waited.
/// </summary>
public static class FleetSimulator
{
    /// <summary>Runs a load until nobody wants anything any more. On one thread; the same settings and load give the same result.</summary>
    public static FleetResult Run(SimulatedFleet settings, FleetLoad load)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(settings.Workers, 1);
        return new FleetRun(settings, load).Run();
    }
}

internal sealed class FleetRun
{
    private readonly SimulatedFleet _settings;
    private readonly FleetLoad _load;
    private readonly VirtualTime _time = new();
    private readonly SimulatedWorker[] _workers;
    private readonly Dictionary<string, SimulatedWorker> _byName;
    private readonly List<VirtualDevice> _devices = [];
    private readonly List<SimulatedUser> _users = [];
    private readonly LinkedList<SimulatedUser> _homeless = [];
    private readonly LinkedList<SimulatedUser> _queue = [];
    // Workers that may have room for a demand that all others have refused: those with a change since then.
    private readonly Dictionary<StreamDemand, HashSet<SimulatedWorker>> _unasked = [];
    private readonly Random _random;
    private int _streams;
    private int _running;
    private int _mostRunning;
    private int _mostQueued;
    private int _gaveUp;
    private int _refused;
    private int _moved;
    private int _interrupted;

    public FleetRun(SimulatedFleet settings, FleetLoad load)
    {
        (_settings, _load, _random) = (settings, load, new Random(settings.Seed));
        _workers = [.. Enumerable.Range(0, settings.Workers).Select(i => new SimulatedWorker(
            new FleetWorker($"worker-{i}", settings.Capacity, []), NewDevice()))];
        _byName = _workers.ToDictionary(w => w.Known.Name);
    }

    public FleetResult Run()
    {
        var demands = new Dictionary<(Slo.SessionSlo, int), StreamDemand>();
        foreach (var request in _load.Requests)
        {
            if (!demands.TryGetValue((request.Slo, request.Steps), out var demand))
                demands[(request.Slo, request.Steps)] = demand = Demand(request);
            var user = new SimulatedUser(request, demand, new Random(_random.Next()));
            _users.Add(user);
            _time.At(request.At, now => Arrive(user, now));
        }
        foreach (var outage in _load.Outages)
            _time.At(outage.At, now => Down(outage, now));
        _time.Run();
        return Result();
    }

    private StreamDemand Demand(FleetRequest request)
    {
        var device = _settings.Device;
        return new StreamDemand(_settings.Capacity.Model, new SessionDemand(
            request.Slo, request.Steps, device.FrameTokens, device.CachedFrames, TimeSpan.FromSeconds(device.Encode + device.Decode)));
    }

    private void Arrive(SimulatedUser user, double now)
    {
        // One who comes when others wait, waits behind them.
        if (_queue.Count == 0 && _homeless.Count == 0 && TryPlace(user, now))
        {
            _time.At(user.End, end => Finish(user, end));
            return;
        }
        if (_queue.Count >= _settings.QueueLength
            || new FleetWorker("", _settings.Capacity, []).Ask(user.Demand).Worker is null)
        {
            _refused++;
            user.IsOver = true;
            return;
        }
        Wait(user, _queue);
        user.WasQueued = true;
        _time.At(user.End, end => Finish(user, end));
        _time.At(now + _settings.Patience, _ =>
        {
            if (!user.IsOver && user.Placed is null)
                GiveUp(user);
        });
    }

    private void Wait(SimulatedUser user, LinkedList<SimulatedUser> where)
    {
        where.AddLast(user);
        user.Waits = true;
        _mostQueued = Math.Max(_mostQueued, _queue.Count);
    }

    private void GiveUp(SimulatedUser user)
    {
        _queue.Remove(user);
        _gaveUp++;
        (user.Waits, user.IsOver) = (false, true);
    }

    private void Finish(SimulatedUser user, double now)
    {
        if (user.IsOver)
            return;
        if (user.Placed is null)
        {
            GiveUp(user);
            return;
        }
        user.IsOver = true;
        if (user.Waits)
            _homeless.Remove(user);
        EndStream(user);
        if (user.Worker is not { } worker)
            return;
        Remove(user, worker);
        ServeQueue(now);
    }

    private void Remove(SimulatedUser user, SimulatedWorker worker)
    {
        _running--;
        var place = worker.Users.IndexOf(user);
        worker.Users.RemoveAt(place);
        user.Worker = null;
        worker.Known = new FleetWorker(
            worker.Known.Name, _settings.Capacity, [.. worker.Known.Streams.Where((_, i) => i != place)], worker.Known.TakesMore);
        Changed(worker);
    }

    private void Changed(SimulatedWorker worker)
    {
        foreach (var workers in _unasked.Values)
            workers.Add(worker);
    }

    private void ServeQueue(double now)
    {
        while ((_homeless.First ?? _queue.First) is { } next && TryPlace(next.Value, now))
        {
            next.List!.Remove(next);
            next.Value.Waits = false;
        }
    }

    private bool TryPlace(SimulatedUser user, double now)
    {
        var known = _unasked.TryGetValue(user.Demand, out var some);
        var verdict = FleetPlacement.Place((known ? (IEnumerable<SimulatedWorker>)some! : _workers).Select(w => w.Known), user.Demand);
        if (verdict.Worker is null)
        {
            _unasked[user.Demand] = [];
            return false;
        }
        var worker = _byName[verdict.Worker];
        if (user.Worker is { } former)
        {
            _moved++;
            Remove(user, former);
        }
        user.Placed ??= now;
        user.Worker = worker;
        worker.Users.Add(user);
        worker.Known = worker.Known.With(user.Demand);
        _mostRunning = Math.Max(_mostRunning, ++_running);
        _time.At(now + _settings.Opening, at => Open(user, worker, at));
        return true;
    }

    // One that moves is read at its old place until the new one is open.
    private void Open(SimulatedUser user, SimulatedWorker worker, double now)
    {
        if (user.IsOver || user.Worker != worker || !worker.IsAlive)
            return;
        EndStream(user);
        var stream = new SimulatedStream(_streams++, _settings.Device, user.Request.Slo, user.Request.Steps) { HandedOver = user.Take };
        worker.Device.Join(stream);
        user.Stream = stream;
        ReadNext(user, worker.Device, now);
    }

    private void ReadNext(SimulatedUser user, VirtualDevice device, double now)
    {
        var stream = user.Stream!;
        if (user.NextPicture(now) is not { } at)
            return;
        _time.At(at, arrived =>
        {
            if (user.Stream != stream)
                return;
            device.Take(stream, at, isLast: false, arrived);
            ReadNext(user, device, arrived);
        });
    }

    private static void EndStream(SimulatedUser user)
    {
        if (user.Stream is not { } stream)
            return;
        stream.HasEnded = true;
        user.Leave(stream, isLost: false);
        user.Stream = null;
    }

    private void Down(WorkerOutage outage, double now)
    {
        var worker = _workers[outage.Worker];
        // One that is down already is so for as long as it was.
        if (!worker.Known.TakesMore || !worker.IsAlive)
            return;
        if (!outage.IsDrained)
        {
            Die(worker, now, _settings.Notice, outage.Seconds);
            return;
        }
        worker.Known = new FleetWorker(worker.Known.Name, _settings.Capacity, worker.Known.Streams, takesMore: false);
        foreach (var user in worker.Users)
            Wait(user, _homeless);
        ServeQueue(now);
        _time.At(now + _settings.Grace, at => Die(worker, at, 0, outage.Seconds));
    }

    private void Die(SimulatedWorker worker, double now, double notice, double seconds)
    {
        worker.IsAlive = false;
        foreach (var user in worker.Users)
        {
            _interrupted++;
            user.LostAt ??= now;
            if (user.Stream is not { } stream)
                continue;
            worker.Device.Leave(stream);
            user.Leave(stream, isLost: true);
            user.Stream = null;
        }
        _time.At(now + notice, at => Noticed(worker, at));
        _time.At(now + Math.Max(notice, seconds), at => Return(worker, at));
    }

    private void Noticed(SimulatedWorker worker, double now)
    {
        _running -= worker.Users.Count;
        worker.Known = new FleetWorker(worker.Known.Name, _settings.Capacity, [], takesMore: false);
        foreach (var user in worker.Users)
        {
            user.Worker = null;
            if (!user.Waits)
                Wait(user, _homeless);
        }
        worker.Users.Clear();
        ServeQueue(now);
    }

    private void Return(SimulatedWorker worker, double now)
    {
        worker.IsAlive = true;
        worker.Device = NewDevice();
        worker.Known = new FleetWorker(worker.Known.Name, _settings.Capacity, []);
        Changed(worker);
        ServeQueue(now);
    }

    private VirtualDevice NewDevice()
    {
        var (device, model) = (_settings.Device, new LatencyModel(_settings.Device.Terms));
        var made = new VirtualDevice(
            _time, device, _settings.Policy(model), new ModelledTicks(device.Terms, _settings.Jitter, _random.Next()), _ => 1, model);
        _devices.Add(made);
        return made;
    }

    private FleetResult Result()
    {
        var wanted = _users.Sum(u => u.Request.Seconds * u.Request.Slo.TargetFps);
        var chunks = _users.Sum(u => u.Chunks);
        return new FleetResult(
            _users.Count, _users.Count(u => u.FirstChunk is not null), _users.Count(u => u.WasQueued), _gaveUp, _refused, _moved,
            _interrupted, _users.Average(u => u.InTime / u.Request.Seconds), _users.Sum(u => u.InTime) / wanted,
            (double)_users.Sum(u => u.InTime) / Math.Max(1, _users.Sum(u => u.Read)),
            chunks == 0 ? 0 : (double)_users.Sum(u => u.ChunksInTime) / chunks, _users.Max(u => u.Worst),
            Distribution.Of(_users.Select(u => u.FirstChunk).OfType<double>()),
            Distribution.Of(_users.Where(u => u is { WasQueued: true, Placed: not null }).Select(u => u.Placed!.Value - u.Request.At)),
            Distribution.Of(_users.SelectMany(u => u.Recoveries)), _mostRunning, _mostQueued,
            _devices.Sum(d => d.Busy) / (_settings.Workers * _load.Seconds), _users.Sum(u => u.Request.Seconds),
            _devices.Sum(d => d.Ticks));
    }
}
