namespace StreamDiff.Bench.Load;

/// <summary>
/// When the frames of a load arrive: decided beforehand from a seed, so that everything that is compared meets the same load.
/// </summary>
public static class ArrivalPattern
{
    private const int LongestBurst = 12;
    private const double RampFrom = 0.5;
    private const double RampTo = 1.5;
    private static readonly TimeSpan BetweenStalls = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan ShortestStall = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan LongestStall = TimeSpan.FromSeconds(1.5);

    /// <summary>Arrival times since the start, in order.</summary>
    /// <param name="kind">The load.</param>
    /// <param name="rate">Nominal frames a second; for all but stalls also the mean one.</param>
    /// <param name="duration">Nothing arrives at or after it.</param>
    /// <param name="seed">Of bursts and stalls.</param>
    public static IReadOnlyList<TimeSpan> Times(LoadKind kind, double rate, TimeSpan duration, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rate);
        var steady = Steady(rate, duration);
        return kind switch
        {
            LoadKind.Bursty => Bursty(steady, new Random(seed)),
            LoadKind.Ramp => Ramp(rate, duration),
            LoadKind.Stalls => Stalls(steady, duration, new Random(seed)),
            _ => steady,
        };
    }

    private static TimeSpan[] Steady(double rate, TimeSpan duration) =>
        [.. Enumerable.Range(0, (int)Math.Ceiling(duration.TotalSeconds * rate)).Select(i => TimeSpan.FromSeconds(i / rate))
            .TakeWhile(t => t < duration)];

    // Frames are held back and come with the last one of their burst.
    private static TimeSpan[] Bursty(TimeSpan[] steady, Random random)
    {
        var times = new TimeSpan[steady.Length];
        for (var start = 0; start < steady.Length;)
        {
            var end = Math.Min(steady.Length, start + random.Next(1, LongestBurst + 1));
            Array.Fill(times, steady[end - 1], start, end - start);
            start = end;
        }
        return times;
    }

    // With the rate growing evenly the n-th frame comes where the integral of the rate reaches n.
    private static List<TimeSpan> Ramp(double rate, TimeSpan duration)
    {
        var (first, slope) = (rate * RampFrom, rate * (RampTo - RampFrom) / duration.TotalSeconds);
        var times = new List<TimeSpan>();
        for (var n = 0; ; n++)
        {
            var time = TimeSpan.FromSeconds((Math.Sqrt(first * first + 2 * slope * n) - first) / slope);
            if (time >= duration)
                return times;
            times.Add(time);
        }
    }

    private static TimeSpan[] Stalls(TimeSpan[] steady, TimeSpan duration, Random random)
    {
        var gaps = new List<(TimeSpan From, TimeSpan To)>();
        for (var at = TimeSpan.Zero; at < duration;)
        {
            var from = at + BetweenStalls * (0.5 + random.NextDouble());
            var to = from + ShortestStall + (LongestStall - ShortestStall) * random.NextDouble();
            gaps.Add((from, to));
            at = to;
        }
        return [.. steady.Where(t => !gaps.Exists(g => t >= g.From && t < g.To))];
    }
}
