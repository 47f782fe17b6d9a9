using StreamDiff.Scheduling.Placement;

namespace StreamDiff.Scheduling.Simulation.Fleets;

/// <summary>A user: what was asked for, where it runs, and what came of it.</summary>
internal sealed class SimulatedUser(FleetRequest request, StreamDemand demand, Random random)
{
    private const int FramesPerLatent = 4;

    private readonly IEnumerator<double> _pictures =
        Load.Pictures(request.Pictures, request.Slo.TargetFps, request.Seconds, random).GetEnumerator();

    public FleetRequest Request => request;

    public StreamDemand Demand => demand;

    /// <summary>Second at which nothing is wanted any more.</summary>
    public double End => request.At + request.Seconds;

    /// <summary>Where its place is; null while it waits.</summary>
    public SimulatedWorker? Worker { get; set; }

    /// <summary>What reads its pictures; null between places.</summary>
    public SimulatedStream? Stream { get; set; }

    /// <summary>True where it waits for a place, its first one or another.</summary>
    public bool Waits { get; set; }

    public bool IsOver { get; set; }

    public bool WasQueued { get; set; }

    /// <summary>Second of its first place; null before.</summary>
    public double? Placed { get; set; }

    /// <summary>Second at which its worker died, until it has pictures again.</summary>
    public double? LostAt { get; set; }

    /// <summary>Seconds from the request to the first picture; null before.</summary>
    public double? FirstChunk { get; private set; }

    /// <summary>Seconds without a worker, each time.</summary>
    public List<double> Recoveries { get; } = [];

    public long InTime { get; private set; }

    /// <summary>Pictures that a place has read.</summary>
    public long Read { get; private set; }

    public long Chunks { get; private set; }

    public long ChunksInTime { get; private set; }

    public double Worst { get; private set; }

    /// <summary>The next picture not before a moment; null when none comes.</summary>
    public double? NextPicture(double notBefore)
    {
        while (_pictures.MoveNext())
            if (request.At + _pictures.Current is var at && at >= notBefore)
                return at;
        return null;
    }

    /// <summary>A chunk of it is handed over.</summary>
    public void Take(SimulatedChunk chunk, double now)
    {
        var latency = now - chunk.Pictures[0];
        var deadline = request.Slo.Deadline.TotalSeconds;
        (Chunks, Worst) = (Chunks + 1, Math.Max(Worst, latency));
        ChunksInTime += latency <= deadline ? 1 : 0;
        InTime += chunk.Pictures.LongCount(taken => now - taken <= deadline);
        FirstChunk ??= now - request.At;
        if (LostAt is { } lost)
            Recoveries.Add(now - lost);
        LostAt = null;
    }

    /// <summary>Counts what a stream that is left has read and given up, and what was under way on a worker that died.</summary>
    public void Leave(SimulatedStream stream, bool isLost)
    {
        Read += stream.Arrived;
        Chunks += (isLost ? stream.Arrived - stream.Handed : stream.Dropped) / FramesPerLatent;
    }
}

/// <summary>A worker.</summary>
internal sealed class SimulatedWorker(FleetWorker known, VirtualDevice device)
{
    /// <summary>What the fleet knows of it.</summary>
    public FleetWorker Known { get; set; } = known;

    /// <summary>A new one after each death.</summary>
    public VirtualDevice Device { get; set; } = device;

    /// <summary>Those who have their place here.</summary>
    public List<SimulatedUser> Users { get; } = [];

    public bool IsAlive { get; set; } = true;
}
