using System.Diagnostics;
using StreamDiff.Bench.Hosts;
using StreamDiff.Bench.Reports;
using StreamDiff.Bench.Statistics;

namespace StreamDiff.Bench.Soak;

/// <summary>Whether what a process holds is flat.</summary>
public static class SoakFigures
{
    /// <summary>End of the names of the figures that judge: 2 is flat, 1 undecided, 0 growing.</summary>
    public const string Verdict = ": verdict";

    /// <summary>Samples without which nothing can be said of a trend.</summary>
    public const int Fewest = 8;

    private const double LeftOut = 0.2;

    // What may be gained over a soak without meaning anything: allocators keep pages, the thread pool keeps threads for a while.
    private static readonly (string Name, string Unit, Func<ProcessState, double> Of, double Allowed)[] Held =
    [
        ("resident memory", "MB", s => s.ResidentBytes / 1e6, 24),
        ("managed heap", "MB", s => s.HeapBytes / 1e6, 8),
        ("tensors", "", s => s.Tensors, 0),
        ("file descriptors", "", s => s.Descriptors, 2),
        ("threads", "", s => s.Threads, 2),
    ];

    /// <param name="samples">Taken when no session was open, in order.</param>
    /// <param name="start">State before the first session.</param>
    public static (IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, IReadOnlyList<Point>> Series) Of(
        IReadOnlyList<ProcessState> samples, ProcessState start)
    {
        var (figures, series) = (new List<Figure>(), new Dictionary<string, IReadOnlyList<Point>>());
        var late = samples.Skip((int)Math.Ceiling(samples.Count * LeftOut)).ToList();
        foreach (var (name, unit, of, allowed) in Held)
        {
            var trend = Trend.Of([.. late.Select(s => Stopwatch.GetElapsedTime(start.At, s.At).TotalHours)], [.. late.Select(of)]);
            figures.Add(Figure.Once(name, unit, Better.Lower, late.Count > 0 ? of(late[^1]) : 0));
            figures.Add(Figure.Once($"{name}: slope per hour", unit, Better.None, trend.SlopePerHour));
            figures.Add(Figure.Once($"{name}: growth watched", unit, Better.None, trend.Growth));
            figures.Add(Figure.Once(name + Verdict, "", Better.Higher, (int)trend.Judge(allowed)));
            series[name] = [.. samples.Select(s => new Point(Stopwatch.GetElapsedTime(start.At, s.At).TotalSeconds, of(s)))];
        }
        return (figures, series);
    }
}
