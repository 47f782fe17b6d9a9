using StreamDiff.Fleet.Contracts;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Fleet.Grains;

/// <summary>A worker and what is placed on it.</summary>
internal sealed class PlacedWorker
{
    private readonly List<(string Name, StreamDemand Demand)> _streams = [];
    private FleetWorker? _worker;
    private (StreamDemand Demand, DateTimeOffset Since, bool IsSeen)? _replay;

    /// <summary>What it said last; null where only its streams have spoken of it.</summary>
    public WorkerSummary? Summary { get; private set; }

    /// <summary>When it was heard of last, or its streams first spoke of it.</summary>
    public DateTimeOffset SeenAt { get; set; }

    public IReadOnlyList<string> Names => [.. _streams.Select(s => s.Name)];

    /// <summary>True while a place is kept for a replay.</summary>
    public bool HasReplay => _replay is not null;

    // A replay, which stays where it is, stands before the streams: they are looked at first when something is to move.
    public FleetWorker Worker => _worker ??= new FleetWorker(
        Summary!.Name, Summary.Capacity,
        [.. _replay is { Demand: var demand } ? [demand] : (StreamDemand[])[], .. _streams.Select(s => s.Demand)], !Summary.IsDraining);

    /// <summary>Name of a stream of <see cref="Worker"/>; null for the replay.</summary>
    public string? NameOf(int stream) => stream - (HasReplay ? 1 : 0) is >= 0 and var at ? _streams[at].Name : null;

    /// <summary>A replay is about to begin.</summary>
    public void Replay(StreamDemand demand, DateTimeOffset now) => (_replay, _worker) = ((demand, now, IsSeen: false), null);

    /// <summary>The worker says that it runs one.</summary>
    public void Replays(StreamDemand demand, DateTimeOffset now)
    {
        if (_replay is { } known)
            _replay = known with { IsSeen = true };
        else
            (_replay, _worker) = ((demand, now, IsSeen: true), null);
    }

    /// <summary>True where the worker, which does not say that it runs one, had done so, or never did.</summary>
    /// <param name="before">Those that were to begin later may not have begun yet.</param>
    public bool IsReplayOver(DateTimeOffset before) => _replay is { } known && (known.IsSeen || known.Since < before);

    public void EndReplay() => (_replay, _worker) = (null, null);

    public void Is(WorkerSummary summary)
    {
        if (Summary?.Capacity != summary.Capacity || Summary.IsDraining != summary.IsDraining)
            _worker = null;
        Summary = summary;
    }

    public void Add(string name, StreamDemand demand)
    {
        _worker = null;
        if (!_streams.Exists(s => s.Name == name))
            _streams.Add((name, demand));
    }

    public void Remove(string name)
    {
        if (_streams.RemoveAll(s => s.Name == name) > 0)
            _worker = null;
    }
}
