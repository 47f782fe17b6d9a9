using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Simulation.Fleets;

/// <summary>How users come to a fleet.</summary>
public enum ArrivalKind
{
    /// <summary>Evenly, each by chance.</summary>
    Steady,

    /// <summary>Three waves: hardly anybody between them, nearly twice the mean at their tops.</summary>
    Waves,

    /// <summary>Half of all within a hundredth of the time, in its middle; the others evenly.</summary>
    Storm,
}

/// <summary>A user who wants a live stream restyled.</summary>
/// <param name="At">Second of the request.</param>
/// <param name="Seconds">How long it lasts, waiting included: what is live does not go on for longer because it began late.</param>
/// <param name="Slo">What it is to be promised.</param>
/// <param name="Steps">Denoising steps.</param>
/// <param name="Pictures">How its pictures come; not <see cref="LoadKind.Busy"/>, which is of a device.</param>
public sealed record FleetRequest(double At, double Seconds, SessionSlo Slo, int Steps, LoadKind Pictures);

/// <summary>A worker that is not there for a time.</summary>
/// <param name="At">Second at which it dies, or is told to let its streams go.</param>
/// <param name="Seconds">How long it is gone, from its end to the moment at which it takes streams again.</param>
/// <param name="Worker">Its number, from 0.</param>
/// <param name="IsDrained">True when its streams may move first, for at most <see cref="SimulatedFleet.Grace"/> seconds.</param>
public sealed record WorkerOutage(double At, double Seconds, int Worker, bool IsDrained);

/// <summary>Everything that comes to a fleet from outside.</summary>
/// <param name="Kind">What it stands for.</param>
/// <param name="Seconds">Time in which requests come.</param>
/// <param name="Requests">Rising in time.</param>
/// <param name="Outages">In any order.</param>
public sealed record FleetLoad(
    ArrivalKind Kind, double Seconds, IReadOnlyList<FleetRequest> Requests, IReadOnlyList<WorkerOutage> Outages)
{
    private const double ShortestStay = 5;
    private const double LongestStay = 5;
    private const int Waves = 3;
    private const double StormShare = 0.5;
    private const double StormLength = 0.01;

    /// <summary>Makes a load; the same seed makes the same one.</summary>
    /// <param name="kind">How users come.</param>
    /// <param name="requests">How many.</param>
    /// <param name="seconds">Time in which they come.</param>
    /// <param name="stay">Mean seconds that one stays; each is drawn: five seconds at least, five times the mean at most.</param>
    /// <param name="like">What each asks for; its time is not looked at.</param>
    /// <param name="workers">Of the fleet, for outages.</param>
    /// <param name="kills">Workers that die, at moments drawn evenly over the time.</param>
    /// <param name="drains">Workers that are drained.</param>
    /// <param name="down">Seconds that each of those is gone.</param>
    /// <param name="seed">Of all chance.</param>
    public static FleetLoad Make(
        ArrivalKind kind, int requests, double seconds, double stay, FleetRequest like, int workers, int kills, int drains, double down,
        int seed)
    {
        var random = new Random(seed);
        var times = Enumerable.Range(0, requests).Select(_ => seconds * Moment(kind, random)).Order().ToArray();
        var users = times.Select(at => like with { At = at, Seconds = Stay(stay, random) }).ToArray();
        var outages = Enumerable.Range(0, kills + drains)
            .Select(i => new WorkerOutage(seconds * random.NextDouble(), down, random.Next(workers), IsDrained: i >= kills)).ToArray();
        return new FleetLoad(kind, seconds, users, outages);
    }

    private static double Stay(double mean, Random random) =>
        Math.Clamp(-mean * Math.Log(1 - random.NextDouble()), Math.Min(ShortestStay, mean), LongestStay * mean);

    // A share of the whole time.
    private static double Moment(ArrivalKind kind, Random random)
    {
        if (kind == ArrivalKind.Storm && random.NextDouble() < StormShare)
            return (1 - StormLength) / 2 + StormLength * random.NextDouble();
        while (true)
        {
            var at = random.NextDouble();
            var height = kind == ArrivalKind.Waves ? (1 - 0.95 * Math.Cos(2 * Math.PI * Waves * at)) / 1.95 : 1;
            if (random.NextDouble() <= height)
                return at;
        }
    }
}
