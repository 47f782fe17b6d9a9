namespace StreamDiff.BindingsGenerator;

/// <summary>A record as all versions have it.</summary>
/// <param name="Name">C's name, C#'s too.</param>
/// <param name="First">As the oldest version has it.</param>
/// <param name="IsTheSame">True when every version has the same fields at the same places.</param>
/// <param name="Fields">The fields that all have.</param>
internal sealed record MergedRecord(string Name, Layout First, bool IsTheSame, IReadOnlyList<MergedField> Fields);

/// <summary>A field of all versions.</summary>
/// <param name="Field">As the oldest version has it.</param>
/// <param name="Offsets">Its place in each version; -1 where there is none.</param>
/// <param name="Names">Its name in each version.</param>
internal sealed record MergedField(Field Field, IReadOnlyList<long> Offsets, IReadOnlyList<string?> Names)
{
    public bool IsThereAlways => Offsets.All(offset => offset >= 0);

    public bool StaysInPlace => IsThereAlways && Offsets.Distinct().Count() == 1;
}

/// <summary>What one build can use of all versions: what means the same in each, and where its places differ, all of them.</summary>
internal sealed class Merge(IReadOnlyList<Generation> versions)
{
    private readonly Dictionary<string, bool> _same = [];

    /// <summary>The records of the oldest version, opaque ones included, in its order: what came later nothing here can name.</summary>
    public IEnumerable<MergedRecord> Records() => versions[0].Layouts.Keys.Select(Record);

    /// <summary>Functions that all versions have in the same form.</summary>
    public IEnumerable<(string Name, Function Function)> Functions()
    {
        foreach (var (name, function) in versions[0].Functions)
        {
            var all = versions.Select(version => version.Functions.GetValueOrDefault(name)).ToList();
            if (all.All(other => other?.Meaning == function.Meaning && other.Library == function.Library))
            {
                yield return (name, function with { IsObsolete = all.All(other => other!.IsObsolete) });
            }
        }
    }

    /// <summary>Constants of an enum that have one number in all versions.</summary>
    public IEnumerable<(string Name, IEnumerable<(string Name, int Value)> Constants)> Enums() =>
        versions[0].Enums.Where(one => versions.All(version => version.Enums.ContainsKey(one.Key))).Select(one => (one.Key,
            one.Value.Where(constant => versions.All(version =>
                version.Enums[one.Key].TryGetValue(constant.Key, out var value) && value == constant.Value))
                .Select(c => (c.Key, c.Value))));

    /// <summary>Macros of the oldest version that have one value wherever they are known.</summary>
    public IEnumerable<(string Name, string Declaration)> Constants()
    {
        var names = new ConstantReader(versions[0].Headers).Candidates(versions[0].Declarations).Order(StringComparer.Ordinal).ToList();
        var known = versions.Select(version => new ConstantReader(version.Headers).Declarations(names)).ToList();
        foreach (var name in names)
        {
            var values = known.Select(values => values.GetValueOrDefault(name)).Where(value => !string.IsNullOrEmpty(value)).Distinct()
                .ToList();
            if (values is [var declaration])
            {
                yield return (name, declaration!);
            }
        }
    }

    /// <summary>Callbacks of the oldest version that have one signature wherever they are known.</summary>
    public IEnumerable<(string Name, string Signature)> Delegates() =>
        versions[0].Types.Delegates.Where(callback => versions.All(version =>
            version.Types.Delegates.GetValueOrDefault(callback.Key, callback.Value) == callback.Value)).Select(c => (c.Key, c.Value));

    private MergedRecord Record(string name)
    {
        var known = versions.Select(version => version.Layouts.GetValueOrDefault(name)).OfType<Layout>().ToList();
        // What is FFmpeg's own secret in one version is nobody's business in the others.
        if (known.Count < versions.Count || known.Any(layout => layout.Fields.Count == 0))
        {
            return new MergedRecord(name, known[0] with { Fields = [] }, true, []);
        }

        var fields = known[0].Fields.Select(field => Find(name, field, known)).OfType<MergedField>();
        var later = known.SelectMany(layout => layout.Fields).Where(field => Changes.Vanished.Contains($"{name}.{field.Name}"))
            .DistinctBy(field => field.Name).Where(field => known[0].Fields.All(first => first.Name != field.Name))
            .Select(field => Find(name, field, known)).OfType<MergedField>();
        return new MergedRecord(name, known[0], IsTheSame(name), [.. fields, .. later]);
    }

    private static MergedField? Find(string record, Field field, List<Layout> layouts)
    {
        var full = $"{record}.{field.Name}";
        var found = layouts.Select(layout => layout.Fields.FirstOrDefault(other => other.Name == field.Name)
            ?? layout.Fields.FirstOrDefault(other => other.Name == Changes.Renamed.GetValueOrDefault(full))).ToList();
        var hasOneMeaning = found.OfType<Field>().All(other => other.Meaning == field.Meaning);
        if (!hasOneMeaning || (found.Contains(null) && !Changes.Vanished.Contains(full)))
        {
            return null;
        }

        return new MergedField(
            field with
            {
                IsObsolete = found.All(other => other?.IsObsolete ?? true),
                IsComparable = found.All(other => other?.IsComparable ?? true),
            },
            found.Select(other => other?.Offset ?? -1).ToList(), found.Select(other => other?.Name).ToList());
    }

    // Also what it holds: a record inside another one moves what follows.
    private bool IsTheSame(string name)
    {
        if (_same.TryGetValue(name, out var known))
        {
            return known;
        }

        _same[name] = true;
        var layouts = versions.Select(version => version.Layouts.GetValueOrDefault(name)).ToList();
        static string Shape(Layout? layout) => layout is null
            ? ""
            : layout.Size + string.Concat(layout.Fields.Select(field => $";{field.Name} {field.Offset} {field.Meaning}"));
        return _same[name] = layouts.Select(Shape).Distinct().Count() == 1
            && layouts[0]!.Fields.All(field => !versions[0].Layouts.ContainsKey(field.Type) || IsTheSame(field.Type));
    }
}
