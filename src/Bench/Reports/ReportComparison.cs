namespace StreamDiff.Bench.Reports;

/// <summary>What a figure has become.</summary>
public enum Verdict
{
    /// <summary>Within the tolerance, or within what the figure varies by itself.</summary>
    Same,
    Better,
    Worse,

    /// <summary>The figure is for information, and not judged.</summary>
    Unjudged,
}

/// <summary>One figure in two reports.</summary>
/// <param name="Case">Case it belongs to.</param>
/// <param name="Before">In the first report.</param>
/// <param name="After">In the second.</param>
/// <param name="Verdict">What it has become.</param>
public sealed record FigureChange(string Case, Figure Before, Figure After, Verdict Verdict)
{
    /// <summary>After divided by before; null where before is 0.</summary>
    public double? Ratio => Before.Value == 0 ? null : After.Value / Before.Value;
}

/// <summary>Two reports side by side.</summary>
/// <param name="Differences">Settings or hardware that differ, one line each. Versions are what usually is compared, so they do not
/// count.</param>
/// <param name="Changes">Every figure that both have.</param>
/// <param name="OnlyBefore">Cases of the first one only.</param>
/// <param name="OnlyAfter">Cases of the second one only.</param>
public sealed record ReportComparison(
    IReadOnlyList<string> Differences, IReadOnlyList<FigureChange> Changes, IReadOnlyList<string> OnlyBefore,
    IReadOnlyList<string> OnlyAfter)
{
    /// <summary>Percentages near zero: less than this is no change, whatever the ratio.</summary>
    private const double SmallestPercent = 0.5;

    public int Better => Changes.Count(c => c.Verdict == Verdict.Better);

    public int Worse => Changes.Count(c => c.Verdict == Verdict.Worse);

    /// <summary>One word and why.</summary>
    public string Summary
    {
        get
        {
            var judged = Changes.Count(c => c.Verdict != Verdict.Unjudged);
            var word = (Better, Worse) switch { (0, 0) => "same", ( > 0, 0) => "better", (0, > 0) => "worse", _ => "mixed" };
            return $"{word}: of {judged} figures {Better} better, {Worse} worse, {judged - Better - Worse} the same";
        }
    }

    /// <summary>Compares figure by figure.</summary>
    /// <param name="before">The first report.</param>
    /// <param name="after">The second one.</param>
    /// <param name="tolerance">Relative change that is no change. A figure measured several times must also have left its own
    /// spread.</param>
    /// <exception cref="BenchmarkException">The reports are of different benchmarks, or share no case.</exception>
    public static ReportComparison Of(BenchmarkReport before, BenchmarkReport after, double tolerance = 0.05)
    {
        if (before.Benchmark != after.Benchmark)
            throw new BenchmarkException(
                $"one report is of 'bench {before.Benchmark}', the other of 'bench {after.Benchmark}': they have nothing to compare");
        var others = after.Cases.ToDictionary(c => c.Name);
        var changes = new List<FigureChange>();
        foreach (var own in before.Cases.Where(c => others.ContainsKey(c.Name)))
            foreach (var figure in own.Figures)
                if (others[own.Name].Find(figure.Name) is { } other)
                    changes.Add(new FigureChange(own.Name, figure, other, Judge(figure, other, tolerance)));
        if (changes.Count == 0)
            throw new BenchmarkException("the reports share no case: measure both with the same steps, sizes, rates and loads");
        var names = before.Cases.Select(c => c.Name).ToHashSet();
        return new ReportComparison(
            [.. Differ(before.Settings, after.Settings), .. Differ(before.Hardware, after.Hardware)],
            changes, [.. names.Where(n => !others.ContainsKey(n))], [.. others.Keys.Where(n => !names.Contains(n))]);
    }

    private static Verdict Judge(Figure before, Figure after, double tolerance)
    {
        if (before.Better == Reports.Better.None)
            return Verdict.Unjudged;
        var change = after.Value - before.Value;
        var matters = Math.Abs(change) > tolerance * Math.Abs(before.Value) && !(before.Unit == "%" && Math.Abs(change) < SmallestPercent);
        var overlaps = before.HasSpread && after.HasSpread && after.Low <= before.High && before.Low <= after.High;
        if (!matters || overlaps)
            return Verdict.Same;
        return change > 0 == (before.Better == Reports.Better.Higher) ? Verdict.Better : Verdict.Worse;
    }

    private static IEnumerable<string> Differ(IReadOnlyDictionary<string, string> one, IReadOnlyDictionary<string, string> other) =>
        one.Keys.Union(other.Keys).Order().Where(k => one.GetValueOrDefault(k) != other.GetValueOrDefault(k))
            .Select(k => $"{k}: {one.GetValueOrDefault(k) ?? "none"} / {other.GetValueOrDefault(k) ?? "none"}");
}
