using System.Reflection;

namespace StreamDiff.Pipeline.Plan;

/// <summary>
/// All options by name, made from the records that hold their values: the command line, configuration and session files and whatever
/// else takes names and values read the same ones, with the same limits and the same sentences.
/// </summary>
public static class OptionTable
{
    private static readonly Type[] Records =
    [
        typeof(InputOptions), typeof(OutputOptions), typeof(ComputeOptions), typeof(SamplingOptions), typeof(FrameOptions),
        typeof(LiveOptions), typeof(ControlOptions), typeof(SessionOptions), typeof(HostOptions),
    ];

    private static readonly Dictionary<string, OptionDefinition> ByName;

    static OptionTable()
    {
        All = [.. from record in Records
                  from property in record.GetProperties().OrderBy(p => p.MetadataToken)
                  let option = property.GetCustomAttribute<OptionAttribute>()
                  where option is not null
                  select new OptionDefinition(property, option)];
        ByName = All.SelectMany(o => new[] { o.Name, o.Key }.Distinct().Select(name => (name, o))).ToDictionary(p => p.name, p => p.o);
    }

    /// <summary>In the order of the help.</summary>
    public static IReadOnlyList<OptionDefinition> All { get; }

    /// <summary>Those that may stand somewhere.</summary>
    public static IEnumerable<OptionDefinition> Of(OptionUse use) => All.Where(o => o.Use.HasFlag(use));

    /// <summary>The option with that name, in any spelling: noise-scale, noise_scale or noiseScale. Null where there is none.</summary>
    public static OptionDefinition? Find(string name) => ByName.GetValueOrDefault(name.Replace('_', '-'));

    /// <summary>The values of a stream's options; null where nobody gave one and the model or the program decides.</summary>
    public static IEnumerable<(OptionDefinition Option, IReadOnlyList<string>? Texts)> Values(RestyleOptions options) =>
        from record in options.Groups
        from option in All.Where(o => o.Record == record.GetType())
        select (option, option.Show(record));

    /// <summary>What breaks the limits that stand on the properties, one sentence each.</summary>
    internal static IEnumerable<string> Problems(IEnumerable<OptionGroup> records) =>
        from record in records
        from option in All.Where(o => o.Record == record.GetType())
        let problem = option.Problem(record)
        where problem is not null
        select $"{option.Name} {problem}";
}

/// <summary>Something that is wrong with options.</summary>
/// <param name="Text">A sentence.</param>
/// <param name="Origin">
/// Where the value was given, such as file.yaml:3; empty where its name says it, null where it is about the whole.
/// </param>
/// <param name="Option">The option that it is about; null where it is about several, or about none that there is.</param>
public sealed record OptionProblem(string Text, string? Origin = null, OptionDefinition? Option = null)
{
    /// <summary>With the place before it, where there is one.</summary>
    /// <param name="whole">The place of what is about the whole.</param>
    public string At(string whole = "") => $"{Origin ?? whole} {Text}".TrimStart();

    /// <summary>One of those sentences that begin with the option's name.</summary>
    public static OptionProblem Of(string sentence) => new(sentence, null, OptionTable.Find(sentence.Split(' ', 2)[0]));
}
