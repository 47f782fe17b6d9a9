namespace StreamDiff.Scheduling.Simulation;

/// <summary>How pictures arrive and what else the device has to do.</summary>
public enum LoadKind
{
    /// <summary>Evenly.</summary>
    Steady,

    /// <summary>As over a bad network: held back for up to 0.6 s now and then, then all at once.</summary>
    Bursty,

    /// <summary>From half of the rate to one and a half times the rate.</summary>
    Ramp,

    /// <summary>The camera stops for two seconds now and then.</summary>
    Stalls,

    /// <summary>Evenly, while for seconds at a time something else takes half of the device.</summary>
    Busy,
}

/// <summary>A recorded load: when each picture of each stream is there, and how much slower the device is when.</summary>
/// <param name="Kind">What it stands for.</param>
/// <param name="Seconds">Its length.</param>
/// <param name="Arrivals">By stream: seconds of each picture, rising.</param>
/// <param name="Slow">Windows in which ticks take longer.</param>
public sealed record Load(LoadKind Kind, double Seconds, IReadOnlyList<IReadOnlyList<double>> Arrivals, IReadOnlyList<SlowWindow> Slow)
{
    private const double Slowdown = 1.8;

    /// <summary>Makes a load; the same seed makes the same one.</summary>
    /// <param name="kind">What it stands for.</param>
    /// <param name="streams">Number of streams; they do not begin at the same moment.</param>
    /// <param name="fps">Pictures a second of each.</param>
    /// <param name="seconds">Length.</param>
    /// <param name="seed">Of all chance.</param>
    public static Load Make(LoadKind kind, int streams, double fps, double seconds, int seed)
    {
        var random = new Random(seed);
        var arrivals = new List<IReadOnlyList<double>>();
        for (var stream = 0; stream < streams; stream++)
            arrivals.Add([.. Pictures(kind, fps, seconds, random)]);
        var slow = new List<SlowWindow>();
        for (var at = 2 + 3 * random.NextDouble(); kind == LoadKind.Busy && at < seconds; at += 4 + 6 * random.NextDouble())
            slow.Add(new SlowWindow(at, at += 1 + 3 * random.NextDouble(), Slowdown));
        return new Load(kind, seconds, arrivals, slow);
    }

    /// <summary>How much longer a tick takes that begins then.</summary>
    public double SlownessAt(double second) =>
        Slow.FirstOrDefault(w => second >= w.Begin && second < w.End) is { } window ? window.Factor : 1;

    /// <summary>Seconds of one stream's pictures, from its beginning, rising; drawn as they are asked for.</summary>
    internal static IEnumerable<double> Pictures(LoadKind kind, double fps, double seconds, Random random)
    {
        var stopsUntil = 0.0;
        var nextStop = 2 + 6 * random.NextDouble();
        for (var at = random.NextDouble() / fps; at < seconds; at += 1 / (kind == LoadKind.Ramp ? fps * (0.5 + at / seconds) : fps))
        {
            if (kind is LoadKind.Bursty or LoadKind.Stalls && at >= nextStop)
            {
                stopsUntil = at + (kind == LoadKind.Bursty ? 0.2 + 0.4 * random.NextDouble() : 2);
                nextStop = stopsUntil + 1 + 5 * random.NextDouble();
            }
            if (at >= stopsUntil)
                yield return at;
            else if (kind == LoadKind.Bursty)
                yield return stopsUntil;
        }
    }
}

/// <summary>A time in which something else uses the device.</summary>
/// <param name="Begin">Second.</param>
/// <param name="End">Second.</param>
/// <param name="Factor">Ticks take so many times as long.</param>
public sealed record SlowWindow(double Begin, double End, double Factor);
