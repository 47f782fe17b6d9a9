namespace StreamDiff.Repository.Tests.Architecture;

/// <summary>Names in rows: each one right below the lowest of those that use it. Those that need each other are one.</summary>
internal sealed class Layering
{
    private readonly Dictionary<string, HashSet<string>> _reach = [];

    /// <param name="names">All of them, also those that use nothing.</param>
    /// <param name="uses">Who uses whom; what is not among the names is passed over.</param>
    public Layering(IEnumerable<string> names, IEnumerable<(string From, string To)> uses)
    {
        var all = names.Order(StringComparer.Ordinal).ToList();
        var pairs = uses.Where(u => u.From != u.To && all.Contains(u.From) && all.Contains(u.To)).Distinct().ToList();
        foreach (var name in all)
            _reach[name] = Reach(name, pairs);
        Groups = [.. all.GroupBy(n => all.First(m => m == n || NeedEachOther(m, n))).Select(g => g.ToArray())];
        int Of(string name) => Groups.ToList().FindIndex(g => g.Contains(name));
        var direct = pairs.Select(p => (From: Of(p.From), To: Of(p.To))).Where(p => p.From != p.To).Distinct().ToList();
        // What one reaches over another anyway is not drawn.
        Arrows = [.. direct.Where(a => !direct.Any(b => b.From == a.From && b.To != a.To && Uses(b.To, a.To)))
            .OrderBy(a => a.From).ThenBy(a => a.To)];
        Rows = [.. Groups.Select((group, i) => (group, i)).GroupBy(g => Depth(g.i), g => g.i).OrderBy(r => r.Key).Select(r => r.ToList())];
    }

    /// <summary>The names; several together where they need each other.</summary>
    public IReadOnlyList<string[]> Groups { get; }

    /// <summary>Uses between groups that are not implied by others.</summary>
    public IReadOnlyList<(int From, int To)> Arrows { get; }

    /// <summary>The groups in rows, from those that nothing uses down.</summary>
    public List<List<int>> Rows { get; }

    private bool NeedEachOther(string one, string other) => _reach[one].Contains(other) && _reach[other].Contains(one);

    private bool Uses(int group, int other) => _reach[Groups[group][0]].Contains(Groups[other][0]);

    private int Depth(int group) => Arrows.Where(a => a.To == group).Select(a => Depth(a.From) + 1).DefaultIfEmpty(0).Max();

    private static HashSet<string> Reach(string name, List<(string From, string To)> pairs)
    {
        var reached = new HashSet<string>();
        var next = new Stack<string>([name]);
        while (next.TryPop(out var from))
            foreach (var (_, to) in pairs.Where(p => p.From == from))
                if (reached.Add(to))
                    next.Push(to);
        return reached;
    }
}
