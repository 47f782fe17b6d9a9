namespace StreamDiff.Repository.Tests.Architecture;

/// <summary>Folders of one project that need each other.</summary>
internal static class FolderCycles
{
    /// <summary>
    /// Every cycle between folders of one project: for each use from folder to folder, the shortest way back. A folder and one inside it
    /// are two folders like any others.
    /// </summary>
    public static IReadOnlyList<Cycle> In(IEnumerable<Use> uses)
    {
        var steps = uses.Where(u => Project(u.From) == Project(u.To)).GroupBy(u => u.From)
            .ToDictionary(g => g.Key, g => g.GroupBy(u => u.To).ToDictionary(t => t.Key, t => t.First()));
        var cycles =
            from step in steps.Values.SelectMany(s => s.Values)
            let back = Way(steps, step.To, step.From)
            where back is not null
            select new Cycle(Turned([step, .. back]));
        return [.. cycles.DistinctBy(c => c.ToString()).OrderBy(c => c.ToString(), StringComparer.Ordinal)];
    }

    private static string Project(string folder) => folder.Split('/')[0];

    private static List<Use>? Way(Dictionary<string, Dictionary<string, Use>> steps, string from, string to)
    {
        var found = new Dictionary<string, List<Use>> { [from] = [] };
        var next = new Queue<string>([from]);
        while (next.TryDequeue(out var folder) && folder != to)
            foreach (var step in steps.GetValueOrDefault(folder, []).Values)
                if (found.TryAdd(step.To, [.. found[folder], step]))
                    next.Enqueue(step.To);
        return found.GetValueOrDefault(to);
    }

    // A cycle begins with the folder that comes first by name, wherever it was found.
    private static IReadOnlyList<Use> Turned(List<Use> steps)
    {
        var first = steps.IndexOf(steps.MinBy(s => s.From, StringComparer.Ordinal)!);
        return [.. steps[first..], .. steps[..first]];
    }
}

/// <summary>Folders each of which uses the next one, and the last the first.</summary>
/// <param name="Steps">The uses.</param>
internal sealed record Cycle(IReadOnlyList<Use> Steps)
{
    public override string ToString() =>
        string.Join(", ", Steps.Select(s => $"src/{s.From} uses {s.Type} of src/{s.To} ({s.Place})"));
}
