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
    private const double PagesMB = 24;
    private const double HeapMB = 8;
    private const double Handles = 2;

    // The pool adds some where a machine is so busy that its threads wait.
    private const double Threads = 4;

    // Prompts are encoded when a session first asks for them, and then remembered; what a session or a change leaves behind is far more.
    private const double Remembered = 8;

    /// <param name="samples">Taken when no session was open, in order.</param>
    /// <param name="start">State before the first session.</param>
    /// <param name="others">Other processes, sampled at the same times.</param>
    public static (IReadOnlyList<Figure> Figures, IReadOnlyDictionary<string, IReadOnlyList<Point>> Series) Of(
        IReadOnlyList<ProcessState> samples, ProcessState start, IReadOnlyList<WatchedProcess>? others = null)
    {
        var (figures, series) = (new List<Figure>(), new Dictionary<string, IReadOnlyList<Point>>());
        void Judge(string name, string unit, double allowed, IEnumerable<(long At, double Value)> values)
        {
            var all = values.Select(v => (Time: Stopwatch.GetElapsedTime(start.At, v.At), v.Value)).ToList();
            var late = all.Skip((int)Math.Ceiling(all.Count * LeftOut)).ToList();
            var trend = Trend.Of([.. late.Select(s => s.Time.TotalHours)], [.. late.Select(s => s.Value)]);
            figures.Add(Figure.Once(name, unit, Better.Lower, late.Count > 0 ? late[^1].Value : 0));
            figures.Add(Figure.Once($"{name}: slope per hour", unit, Better.None, trend.SlopePerHour));
            figures.Add(Figure.Once($"{name}: growth watched", unit, Better.None, trend.Growth));
            figures.Add(Figure.Once(name + Verdict, "", Better.Higher, (int)trend.Judge(allowed)));
            series[name] = [.. all.Select(s => new Point(s.Time.TotalSeconds, s.Value))];
        }

        Judge("resident memory", "MB", PagesMB, samples.Select(s => (s.At, s.ResidentBytes / 1e6)));
        Judge("managed heap", "MB", HeapMB, samples.Select(s => (s.At, s.HeapBytes / 1e6)));
        Judge("tensors", "", Remembered, samples.Select(s => (s.At, (double)s.Tensors)));
        Judge("file descriptors", "", Handles, samples.Select(s => (s.At, (double)s.Descriptors)));
        Judge("threads", "", Threads, samples.Select(s => (s.At, (double)s.Threads)));
        foreach (var (number, seen) in (others ?? []).Select((other, i) => (i + 1, other.Samples)))
        {
            Judge($"resident memory, other process {number}", "MB", PagesMB, seen.Select(s => (s.At, s.ResidentBytes / 1e6)));
            Judge($"file descriptors, other process {number}", "", Handles, seen.Select(s => (s.At, (double)s.Descriptors)));
            Judge($"threads, other process {number}", "", Threads, seen.Select(s => (s.At, (double)s.Threads)));
        }
        return (figures, series);
    }
}
