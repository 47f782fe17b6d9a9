using System.Globalization;
using StreamDiff.Client;
using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Fleet.Contracts;

/// <summary>What a stream was asked for with.</summary>
/// <param name="Name">Unique in the fleet.</param>
/// <param name="Canonical">Its description in one form: the same for every way to write the same.</param>
/// <param name="Body">Its description as a worker takes it: JSON, keys filled in, publishers' addresses as they are public.</param>
/// <param name="Ingest">Public address that its publisher comes to; null where the worker opens its input itself.</param>
/// <param name="Demand">What it asks of a worker.</param>
/// <param name="Restarts">True where it begins again whenever it has failed.</param>
/// <param name="PublishKey">Whoever has it may publish.</param>
/// <param name="PlayKey">Whoever has it may watch.</param>
/// <param name="Shown">Its input without secrets.</param>
/// <param name="Notes">What the user should know.</param>
public sealed record StreamSpec(
    string Name, string Canonical, string Body, string? Ingest, StreamDemand Demand, bool Restarts, string PublishKey, string PlayKey,
    string Shown, IReadOnlyList<string> Notes)
{
    /// <summary>Public addresses of those of its outputs that viewers come to.</summary>
    public IReadOnlyList<string> Egress { get; init; } = [];

    /// <summary>True where fronts listen for somebody, and its packets go through them.</summary>
    public bool IsRelayed => Ingest is not null || Egress.Count > 0;

    /// <summary>Name of an output of <see cref="Egress"/> at the relays.</summary>
    public string EgressName(int number) => string.Create(CultureInfo.InvariantCulture, $"{Name}/{number}");
}

/// <summary>A change of a stream's settings, as it was accepted.</summary>
/// <param name="Number">Grows by one with each.</param>
/// <param name="At">When.</param>
/// <param name="Change">What.</param>
public sealed record ControlEntry(long Number, DateTimeOffset At, ControlRequest Change);

/// <summary>The right to run a stream and to write its outputs.</summary>
/// <param name="Worker">Who has it.</param>
/// <param name="Epoch">Grows with each that is given: an older one is worth nothing any more.</param>
public sealed record StreamLease(string Worker, long Epoch);

/// <summary>What a worker keeps of a stream that is suspended.</summary>
/// <param name="By">The worker, and the right by which it had the stream.</param>
/// <param name="Controls">Number of the last change that it has made.</param>
public sealed record StreamKept(StreamLease By, long Controls);

/// <summary>What a stream does.</summary>
public enum StreamPhase
{
    /// <summary>It waits for room.</summary>
    Queued,

    /// <summary>A worker has it and opens it.</summary>
    Opening,

    /// <summary>A worker runs it.</summary>
    Running,

    /// <summary>Nobody publishes or watches: it has no worker until somebody does.</summary>
    Suspended,

    /// <summary>It is being stopped.</summary>
    Stopping,

    /// <summary>It is over.</summary>
    Ended,

    /// <summary>It is over by a failure.</summary>
    Failed,
}

/// <summary>A stream as the directory knows it.</summary>
public sealed record StreamView
{
    public required StreamSpec Spec { get; init; }

    public required StreamPhase Phase { get; init; }

    public string? Reason { get; init; }

    /// <summary>Grows with each change of its settings.</summary>
    public required long Version { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Ended { get; init; }

    /// <summary>Since when it waits for room; null where it does not.</summary>
    public DateTimeOffset? QueuedAt { get; init; }

    /// <summary>Waits at least until then, for it has just failed; null where it need not.</summary>
    public DateTimeOffset? NotBefore { get; init; }

    /// <summary>Who runs it; null where nobody does.</summary>
    public StreamLease? Lease { get; init; }

    /// <summary>Who is to run it next, and gets ready for that; null where nobody is.</summary>
    public StreamLease? Next { get; init; }

    /// <summary>Times that it has changed its worker.</summary>
    public long Moves { get; init; }

    /// <summary>What its worker said of it last; null before.</summary>
    public SessionInfo? Info { get; init; }

    /// <summary>True while it has a worker, or waits for one.</summary>
    public bool IsAlive => Phase is not (StreamPhase.Ended or StreamPhase.Failed);
}

/// <summary>What came of a change.</summary>
/// <param name="Version">The stream's, with it.</param>
/// <param name="Reply">What its worker said; null where it has none at the moment: it will be told when it begins.</param>
/// <param name="Refusal">Why nothing was changed; null where it was.</param>
public sealed record ControlOutcome(long Version, ControlReply? Reply, Refusal? Refusal);

/// <summary>A refusal, as HTTP tells it.</summary>
/// <param name="Status">The status.</param>
/// <param name="Text">One line.</param>
/// <param name="Problems">Everything that is wrong, where there is more to say.</param>
public sealed record Refusal(int Status, string Text, IReadOnlyList<FieldProblem>? Problems = null);

/// <summary>What came of a request to begin a stream.</summary>
/// <param name="View">The stream; null where it was refused.</param>
/// <param name="IsNew">False where it was there already.</param>
/// <param name="Refusal">Why not.</param>
public sealed record StartOutcome(StreamView? View, bool IsNew, Refusal? Refusal);
