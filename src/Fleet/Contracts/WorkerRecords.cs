using StreamDiff.Client;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Fleet.Contracts;

/// <summary>A heartbeat: what a worker is and what it does.</summary>
/// <param name="Incarnation">Another one for each process, also of the same name.</param>
/// <param name="Address">Its own studio, where it is reached by the fleet.</param>
/// <param name="Capacity">What it can do.</param>
/// <param name="Load">Share of its device's time that is needed, as its host predicts.</param>
/// <param name="IsDraining">True where it wants to be rid of its streams.</param>
/// <param name="Seen">The number of the last answer that it has followed, 0 before the first.</param>
/// <param name="Streams">What it has.</param>
/// <param name="Events">What happened since the last one.</param>
/// <param name="IsReplaying">True while it runs a replay.</param>
/// <param name="SuspendedBytes">Memory that it keeps for streams that are suspended.</param>
public sealed record WorkerBeat(
    string Incarnation, Uri Address, WorkerCapacity Capacity, double Load, bool IsDraining, long Seen,
    IReadOnlyList<StreamReport> Streams, IReadOnlyList<StudioEvent> Events, bool IsReplaying = false, long SuspendedBytes = 0);

/// <summary>What a worker says of a stream.</summary>
/// <param name="Name">The stream.</param>
/// <param name="Epoch">Of the right by which the worker has it.</param>
/// <param name="Info">How it is doing; null while it opens.</param>
/// <param name="Phase">Opening, running, suspended, ended or failed.</param>
/// <param name="Reason">Why it failed.</param>
/// <param name="Readers">Viewers and recordings beside its outputs.</param>
/// <param name="IsKept">True where it is suspended and what its caches held is kept.</param>
public sealed record StreamReport(
    string Name, long Epoch, StreamPhase Phase, string? Reason, SessionInfo? Info, int Readers = 0, bool IsKept = false);

/// <summary>What a worker is to have.</summary>
/// <param name="Name">The stream.</param>
/// <param name="Epoch">Of the right to it.</param>
/// <param name="MayWrite">False where another worker still writes its outputs: everything else is got ready.</param>
/// <param name="IsSuspended">True where it is to give its place back and keep what its caches hold.</param>
/// <param name="Resumes">The right by which it was suspended, where it is to go on with what was kept then; 0 where it begins.</param>
public sealed record Duty(string Name, long Epoch, bool MayWrite, bool IsSuspended = false, long Resumes = 0);

/// <summary>How a worker is to begin a stream.</summary>
/// <param name="Spec">What it was asked for with.</param>
/// <param name="Controls">All changes since, the oldest first.</param>
/// <param name="KeptControls">Number of the last of them that what was kept has seen already.</param>
public sealed record Assignment(StreamSpec Spec, IReadOnlyList<ControlEntry> Controls, long KeptControls = 0);

/// <summary>The answer to a heartbeat.</summary>
/// <param name="Refusal">Why the worker is none of the fleet; null where it is.</param>
/// <param name="Lease">How long outputs may be written, from when the heartbeat was sent.</param>
/// <param name="Streams">All that it is to have, and nothing else.</param>
/// <param name="Relays">Where publishers' packets are had: HOST:PORT, separated by commas.</param>
/// <param name="Number">Grows when something changes.</param>
public sealed record BeatReply(
    string? Refusal, TimeSpan Lease, IReadOnlyList<Duty> Streams, string Relays, long Number)
{
    /// <summary>
    /// Streams that the worker says it has, and of which nothing is known yet: they stay, and the right to write them ends by itself unless
    /// they are among <see cref="Streams"/> in time.
    /// </summary>
    public IReadOnlyList<string> Unsure { get; init; } = [];
}

/// <summary>A worker as the directory knows it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Incarnation">Its process.</param>
/// <param name="Address">Where it is reached.</param>
/// <param name="Capacity">What it can do.</param>
/// <param name="Load">What its host says.</param>
/// <param name="IsDraining">True while it takes no more.</param>
/// <param name="IsReplaying">True while it runs a replay.</param>
/// <param name="SuspendedBytes">Memory that it keeps for streams that are suspended.</param>
public sealed record WorkerSummary(
    string Name, string Incarnation, Uri Address, WorkerCapacity Capacity, double Load, bool IsDraining, bool IsReplaying = false,
    long SuspendedBytes = 0);

/// <summary>A worker as it is told.</summary>
/// <param name="Summary">What it said.</param>
/// <param name="Streams">Names of what it has.</param>
/// <param name="PromisedLoad">Share of it that is promised, 1 is all.</param>
public sealed record WorkerView(WorkerSummary Summary, IReadOnlyList<string> Streams, double PromisedLoad);

/// <summary>The fleet in numbers.</summary>
/// <param name="Workers">Workers that are heard of.</param>
/// <param name="Draining">Those of them that take no more.</param>
/// <param name="Running">Streams that have a worker.</param>
/// <param name="Queued">Streams that wait for room.</param>
/// <param name="Suspended">Streams that nobody needs at the moment.</param>
/// <param name="Load">Mean share of the workers that is promised.</param>
/// <param name="Moves">Streams that have changed their worker so far.</param>
/// <param name="Lost">Workers that were lost so far.</param>
/// <param name="Refused">Streams that were refused for want of room so far.</param>
public sealed record FleetNumbers(
    int Workers, int Draining, int Running, int Queued, int Suspended, double Load, long Moves, long Lost, long Refused);
