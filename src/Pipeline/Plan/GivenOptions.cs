using StreamDiff.Models;

namespace StreamDiff.Pipeline.Plan;

/// <summary>Values that somebody gave by name, read as they come; what is wrong with them is kept, so that all of it can be told.</summary>
/// <param name="use">Where they stand.</param>
public sealed class GivenOptions(OptionUse use)
{
    private readonly Dictionary<OptionDefinition, (object? Value, string Origin)> _values = [];
    private readonly List<OptionProblem> _problems = [];
    private bool _hasUnknown;

    /// <summary>Everything that is wrong, in the order of giving.</summary>
    public IReadOnlyList<OptionProblem> Problems => _problems;

    /// <summary>
    /// True where a name was not understood while input or output is not given: it may stand under that name, and that it is missing
    /// cannot be said.
    /// </summary>
    public bool MayLackNothing => _hasUnknown && !(IsGiven("input") && IsGiven("output"));

    /// <summary>A value; a later one for the same option wins.</summary>
    /// <param name="name">In any spelling of <see cref="OptionTable.Find"/>.</param>
    /// <param name="texts">The value, several texts for a list; null for something that is neither.</param>
    /// <param name="origin">For problems: file and line; empty where the name says it all.</param>
    public void Give(string name, IReadOnlyList<string>? texts, string origin = "")
    {
        if (OptionTable.Find(name) is not { } option || !option.Use.HasFlag(use))
        {
            _hasUnknown |= OptionTable.Find(name) is null;
            _problems.Add(new OptionProblem(Misplaced(name, OptionTable.Find(name)), origin));
            return;
        }
        _values.Remove(option);
        _problems.RemoveAll(p => p.Option == option);
        // One that was not understood counts as given: that it is missing would not be true.
        _values[option] = (null, origin);
        try
        {
            _values[option] = (option.Read(texts ?? throw new FormatException("must be a single value")), origin);
            return;
        }
        catch (FormatException e)
        {
            _problems.Add(new OptionProblem($"{option.Name} {e.Message}", origin, option));
        }
        catch (ModelException e)
        {
            _problems.Add(new OptionProblem(e.Message, origin, option));
        }
    }

    /// <summary>Something else that is wrong.</summary>
    public void Add(OptionProblem problem) => _problems.Add(problem);

    /// <summary>Where a value was given; null where none was.</summary>
    public string? OriginOf(OptionDefinition option) => _values.TryGetValue(option, out var given) ? given.Origin : null;

    public bool IsGiven(string name) => OptionTable.Find(name) is { } option && _values.ContainsKey(option);

    /// <summary>A record with the values that were given, where they can be, and what it had otherwise.</summary>
    public T Read<T>(T defaults)
        where T : OptionGroup
    {
        var record = (T)defaults.Copy();
        foreach (var (option, (value, _)) in _values)
            if (option.Record == typeof(T) && !_problems.Exists(p => p.Option == option))
                option.Set(record, value);
        return record;
    }

    /// <summary>The same for all of a stream.</summary>
    public RestyleOptions Read(RestyleOptions defaults) => new()
    {
        Input = Read(defaults.Input),
        Output = Read(defaults.Output),
        Sampling = Read(defaults.Sampling),
        Frame = Read(defaults.Frame),
        Compute = Read(defaults.Compute),
        Live = Read(defaults.Live),
        Control = Read(defaults.Control),
    };

    private string Misplaced(string name, OptionDefinition? option) => (use, option?.Use) switch
    {
        (OptionUse.Session, { } elsewhere) when elsewhere.HasFlag(OptionUse.Server) =>
            $"{name} is the whole server's: give it outside of the sessions",
        (OptionUse.Server, { } elsewhere) when elsewhere.HasFlag(OptionUse.Session) => $"{name} is a session's own: give it under sessions",
        (OptionUse.Server, not null) => $"{name} is for a single run: sessions have none",
        (OptionUse.Session, _) => $"{name} is no option of a session{Meant(name)}",
        (OptionUse.Server, _) => $"{name} is not known{Meant(name)}",
        _ => $"unknown option '{name}'{Meant(name)}",
    };

    private string Meant(string name) => Suggestion.For(name, OptionTable.Of(use).Select(o => o.Name));
}
