using Orleans;
using Orleans.Concurrency;
using StreamDiff.Client;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Fleet.Contracts;

/// <summary>A stream, by its name: what it was asked for with, all changes since, and who has the right to run it.</summary>
public interface IStreamGrain : IGrainWithStringKey
{
    /// <summary>Begins it.</summary>
    /// <param name="spec">What is asked for.</param>
    /// <param name="queue">True waits where there is no room.</param>
    Task<StartOutcome> Start(StreamSpec spec, bool queue);

    /// <summary>Stops it; one that is over is forgotten.</summary>
    Task<bool> Stop();

    /// <summary>Forgets one that is over; one that is not stays.</summary>
    Task Forget();

    /// <summary>Changes it.</summary>
    /// <param name="request">What is to change.</param>
    /// <param name="version">What the caller believes to change; null for whatever is there.</param>
    /// <param name="wait">True waits until it has taken effect.</param>
    /// <param name="isKept">False for what holds for a moment only: it is passed on, not remembered, and makes no new version.</param>
    Task<ControlOutcome> Control(ControlRequest request, long? version, bool wait, bool isKept);

    /// <summary>All changes so far, the oldest first.</summary>
    [AlwaysInterleave]
    Task<IReadOnlyList<ControlEntry>> Log();

    /// <summary>The directory was begun anew and wants to know.</summary>
    Task<StreamView?> Recall();

    /// <summary>There may be room: tries to get it. False where there is none.</summary>
    Task<bool> TryPlace();

    /// <summary>Nobody publishes or watches: its worker is needed by others.</summary>
    Task Suspend(long epoch);

    /// <summary>Somebody publishes or watches again.</summary>
    Task Resume();

    /// <summary>A worker that has it, or is to have it, is gone.</summary>
    Task Lost(string worker, long epoch, string why);

    /// <summary>Is to go to another worker, while it runs.</summary>
    /// <param name="epoch">Of the right that ends.</param>
    /// <param name="to">The worker; null for any other.</param>
    Task Move(long epoch, string? to);

    /// <summary>Its worker has something to say.</summary>
    Task Reported(string worker, StreamReport report);

    /// <summary>A worker does not have it any more.</summary>
    Task Gone(string worker, long epoch);

    /// <summary>How a worker is to begin it; null where it has no right to.</summary>
    [AlwaysInterleave]
    Task<Assignment?> AssignmentOf(string worker, long epoch);

    /// <summary>What a worker may do; null where it has no right to the stream.</summary>
    [AlwaysInterleave]
    Task<Duty?> DutyOf(string worker, long epoch);
}

/// <summary>A worker, by its name: when it was heard of last, and what it is to have.</summary>
public interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>Heard of it.</summary>
    Task<BeatReply> Beat(WorkerBeat beat);

    /// <summary>Waits until there is something new for it, or a while.</summary>
    [AlwaysInterleave]
    Task Next(string incarnation, long number);

    /// <summary>It is to have a stream, or to have it otherwise.</summary>
    Task Assign(Duty duty);

    /// <summary>It is to have a stream no more.</summary>
    Task Unassign(string name, long epoch);

    /// <summary>A process of it is seen to be gone: nobody listens where it did.</summary>
    Task Vanished(string incarnation);
}

/// <summary>The directory of workers and streams, and the queue. There is one.</summary>
public interface IFleetGrain : IGrainWithIntegerKey
{
    /// <summary>Finds a place and keeps it.</summary>
    /// <param name="name">The stream.</param>
    /// <param name="demand">What it asks.</param>
    /// <param name="except">A worker that it leaves; null for none.</param>
    /// <param name="only">The worker that it is to go to; null for any.</param>
    Task<PlacementVerdict> Place(string name, StreamDemand demand, string? except, string? only);

    /// <summary>A place is not needed any more.</summary>
    Task Release(string name, string worker);

    /// <summary>Keeps a worker's place for a replay, of which each runs one at a time.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="demand">What the session asked that it repeats.</param>
    Task<PlacementVerdict> PlaceReplay(string worker, StreamDemand demand);

    /// <summary>A replay did not begin.</summary>
    Task ReleaseReplay(string worker);

    /// <summary>A stream is, or is otherwise.</summary>
    Task Put(StreamView view);

    /// <summary>A stream is forgotten.</summary>
    Task Remove(string name);

    /// <summary>Room in the queue? The reason why not; null where there is.</summary>
    [AlwaysInterleave]
    Task<string?> MayQueue();

    [AlwaysInterleave]
    Task<StreamView?> Find(string name);

    [AlwaysInterleave]
    Task<IReadOnlyList<StreamView>> Streams();

    [AlwaysInterleave]
    Task<IReadOnlyList<WorkerView>> Workers();

    [AlwaysInterleave]
    Task<FleetNumbers> Numbers();

    /// <summary>
    /// Position in the queue from 1 on, and how long it will probably last, null where that is not known; null for one that does not wait.
    /// </summary>
    [AlwaysInterleave]
    Task<(int Position, TimeSpan? Wait)?> QueueOf(string name);

    /// <summary>A worker was heard of.</summary>
    [OneWay]
    Task Seen(WorkerSummary worker, IReadOnlyList<StreamReport> streams, IReadOnlyList<StudioEvent> events);

    /// <summary>A worker is gone.</summary>
    Task WorkerLost(string worker, string why);

    /// <summary>A worker wants to be rid of its streams; from now on it is given no more.</summary>
    Task Drain(string worker);

    /// <summary>Where a front's publishers' packets are had.</summary>
    Task FrontIsHere(string relay);

    /// <summary>All fronts' relays.</summary>
    [AlwaysInterleave]
    Task<string> Relays();

    /// <summary>Tells a front what happens, until it is not heard of any more.</summary>
    Task Subscribe(IFleetObserver observer);
}

/// <summary>Told what happens.</summary>
public interface IFleetObserver : IGrainObserver
{
    [OneWay]
    Task Happened(StudioEvent news);
}
