using System.Globalization;
using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Latency;

namespace StreamDiff.Scheduling.Placement;

/// <summary>What a worker of a fleet can do, as it measured itself.</summary>
/// <param name="Model">Name of the model that it has loaded; null for one that passes frames through only.</param>
/// <param name="Terms">What its ticks take; null where nothing was measured: then only its lanes and streams are counted.</param>
/// <param name="Correction">Measured against predicted ticks of late, 1 where the measurement holds.</param>
/// <param name="Lanes">Denoising steps that all its streams of one size together may have.</param>
/// <param name="RowsPerTick">Most rows of one tick.</param>
/// <param name="CodingWorkers">Processors that encode and decode beside the device; 0 where all runs on one.</param>
/// <param name="MostStreams">Streams that it takes whatever they need: sockets, decoders and encoders of video have a price too.</param>
public sealed record WorkerCapacity(
    string? Model, LatencyTerms? Terms, double Correction, int Lanes, int RowsPerTick, int CodingWorkers, int MostStreams)
{
    /// <summary>Share of a device's time that may be promised, as <see cref="AdmissionControl"/> has it.</summary>
    public double MostLoad { get; init; } = 0.9;
}

/// <summary>What a stream asks of a worker.</summary>
/// <param name="Model">The model that it needs; null for whatever the worker has.</param>
/// <param name="Demand">What it asks of the device; null for one that is passed through.</param>
public sealed record StreamDemand(string? Model, SessionDemand? Demand);

/// <summary>A worker with what is placed on it. Immutable, so that its load is computed once.</summary>
public sealed class FleetWorker
{
    private readonly AdmissionControl? _admission;
    private readonly SessionDemand[] _demands;

    /// <param name="name">Unique in the fleet.</param>
    /// <param name="capacity">What it can do.</param>
    /// <param name="streams">What is placed on it.</param>
    /// <param name="takesMore">False while it is drained, or not heard of.</param>
    public FleetWorker(string name, WorkerCapacity capacity, IReadOnlyList<StreamDemand> streams, bool takesMore = true)
    {
        (Name, Capacity, Streams, TakesMore) = (name, capacity, streams, takesMore);
        _demands = [.. streams.Select(s => s.Demand).OfType<SessionDemand>()];
        if (capacity.Terms is { } terms)
            _admission = new AdmissionControl(
                new LatencyModel(Scaled(terms, capacity.Correction)), capacity.RowsPerTick, capacity.MostLoad, capacity.CodingWorkers);
        Load = Math.Max(
            (double)streams.Count / Math.Max(1, capacity.MostStreams), _admission is null ? 0 : _admission.Load(_demands));
    }

    public string Name { get; }

    public WorkerCapacity Capacity { get; }

    public IReadOnlyList<StreamDemand> Streams { get; }

    public bool TakesMore { get; }

    /// <summary>Share of its time, or of the streams that it takes, that is promised; 1 is all.</summary>
    public double Load { get; }

    /// <summary>The same with one stream more.</summary>
    public FleetWorker With(StreamDemand stream) => new(Name, Capacity, [.. Streams, stream], TakesMore);

    /// <summary>May a stream begin here?</summary>
    public PlacementVerdict Ask(StreamDemand stream)
    {
        if (!TakesMore)
            return Refused("it takes no more streams", null);
        if (stream.Model is { } model && model != Capacity.Model)
            return Refused($"it has the model {Capacity.Model ?? "passthrough"}, not {model}", null);
        if (stream is { Demand: not null } && Capacity.Model is null)
            return Refused("it passes frames through only", null);
        if (Streams.Count >= Capacity.MostStreams)
            return Refused(
                $"it has {Streams.Count} streams, {Capacity.MostStreams} are the most",
                (Capacity.MostStreams - 1.0) / Capacity.MostStreams);
        if (stream.Demand is not { } demand)
            return new PlacementVerdict(Name, (Streams.Count + 1.0) / Capacity.MostStreams, "", null);
        var lanes = _demands.Where(d => d.FrameTokens == demand.FrameTokens).Sum(d => d.Steps);
        if (lanes + demand.Steps > Capacity.Lanes)
            return Refused($"{lanes} of its {Capacity.Lanes} lanes are taken, {demand.Steps} are needed", null);
        if (_admission is null)
            return new PlacementVerdict(Name, (Streams.Count + 1.0) / Capacity.MostStreams, "", null);
        var verdict = _admission.Ask(_demands, demand);
        return verdict.Admitted
            ? new PlacementVerdict(Name, verdict.Load, "", null)
            : Refused(verdict.Reason, Math.Max(0, Capacity.MostLoad - _admission.Load([demand])));
    }

    private static LatencyTerms Scaled(LatencyTerms terms, double by) =>
        new(terms.Fixed * by, terms.PerToken * by, terms.PerPair * by, terms.PerCached * by, terms.PerLane * by);

    private PlacementVerdict Refused(string reason, double? fitsAt) => new(null, Load, reason, fitsAt);
}

/// <summary>Where a stream goes.</summary>
/// <param name="Worker">The worker; null where none has room.</param>
/// <param name="Load">Its load with the stream; where none has room, that of the one with most room.</param>
/// <param name="Reason">Why there is no room; empty where there is.</param>
/// <param name="FitsAt">Load of a worker at which the stream would fit; null where load is not what is in the way.</param>
public sealed record PlacementVerdict(string? Worker, double Load, string Reason, double? FitsAt);

/// <summary>
/// Which worker of a fleet runs a stream: the one that is loaded least of those whose promises can be kept with it. The rule of a worker is
/// that of a host (<see cref="AdmissionControl"/>): what is placed there is not refused there.
/// </summary>
public static class FleetPlacement
{
    /// <summary>Finds a place.</summary>
    /// <param name="workers">All that are known.</param>
    /// <param name="stream">What is to be placed.</param>
    /// <param name="except">A worker that it is to leave; null for none.</param>
    public static PlacementVerdict Place(IEnumerable<FleetWorker> workers, StreamDemand stream, string? except = null)
    {
        PlacementVerdict? nearest = null;
        var count = 0;
        foreach (var worker in workers.Where(w => w.TakesMore && w.Name != except)
            .OrderBy(w => w.Load).ThenBy(w => w.Name, StringComparer.Ordinal))
        {
            count++;
            var verdict = worker.Ask(stream);
            if (verdict.Worker is not null)
                return verdict;
            if (nearest is null || (nearest.FitsAt is null && verdict.FitsAt is not null))
                nearest = verdict with { Reason = $"{worker.Name}: {verdict.Reason}" };
        }
        if (nearest is null)
            return new PlacementVerdict(null, 0, "no worker is there that takes streams", null);
        var where = count == 1 ? "the only worker has no room" : string.Create(
            CultureInfo.InvariantCulture, $"none of {count} workers has room, the nearest is");
        var when = nearest.FitsAt is { } at && !nearest.Reason.Contains("fits", StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $"; it fits where the load is {100 * at:0} %")
            : "";
        return nearest with { Reason = $"{where} {nearest.Reason}{when}" };
    }

    /// <summary>
    /// A stream whose move makes the fleet more even: from the worker that is loaded most to the one that is loaded least, where they
    /// differ by more than <paramref name="apart"/> and still differ less afterwards. Null where all is well.
    /// </summary>
    /// <param name="workers">All that are known.</param>
    /// <param name="apart">Difference of loads that is not worth a move. Default 0.25.</param>
    public static (string From, int Stream, string To)? Rebalance(IReadOnlyCollection<FleetWorker> workers, double apart = 0.25)
    {
        var from = workers.MaxBy(w => w.Load);
        if (from is null || from.Streams.Count == 0)
            return null;
        for (var i = from.Streams.Count - 1; i >= 0; i--)
        {
            var verdict = Place(workers, from.Streams[i], except: from.Name);
            var to = workers.FirstOrDefault(w => w.Name == verdict.Worker);
            if (to is not null && from.Load - to.Load > apart && verdict.Load < from.Load)
                return (from.Name, i, to.Name);
        }
        return null;
    }
}
