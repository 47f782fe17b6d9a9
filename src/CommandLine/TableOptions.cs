using System.CommandLine;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.CommandLine;

/// <summary>Options of <see cref="OptionTable"/> on a command line.</summary>
public sealed class TableOptions
{
    private readonly List<(OptionDefinition Definition, Option Option)> _options = [];

    /// <param name="command">Given the options.</param>
    /// <param name="definitions">Which ones.</param>
    /// <param name="help">What the help says where it is something else than usual, by name.</param>
    public TableOptions(Command command, IEnumerable<OptionDefinition> definitions, params (string Name, string Help)[] help)
    {
        foreach (var definition in definitions)
        {
            string[] aliases = definition.Alias is null ? [] : [definition.Alias];
            Option option = definition.Kind == OptionKind.Several
                ? new Option<string[]>($"--{definition.Name}", aliases)
                : new Option<string?>($"--{definition.Name}", aliases);
            option.HelpName = definition.Value;
            option.Description = help.FirstOrDefault(h => h.Name == definition.Name).Help ?? definition.Help;
            if (definition.MayStandAlone)
                option.Arity = ArgumentArity.ZeroOrOne;
            _options.Add((definition, option));
            command.Add(option);
        }
    }

    /// <summary>Those with these names, in that order.</summary>
    public TableOptions(Command command, IEnumerable<string> names, params (string Name, string Help)[] help)
        : this(command, names.Select(name => OptionTable.Find(name)!), help)
    {
    }

    /// <summary>Gives what stands on the command line.</summary>
    public void Give(ParseResult parse, GivenOptions given)
    {
        foreach (var (definition, option) in _options)
            if (Texts(parse, definition, option) is { Length: > 0 } texts)
                given.Give(definition.Name, texts);
    }

    // None for an option without its value, and the first of too many: the parser has complained about both already.
    private static string[] Texts(ParseResult parse, OptionDefinition definition, Option option)
    {
        if (parse.GetResult(option) is not { Implicit: false } result)
            return [];
        string[] texts = [.. result.Tokens.Select(t => t.Value)];
        return texts.Length == 0 && definition.MayStandAlone ? ["true"]
            : definition.Kind == OptionKind.Several && !result.Errors.Any() ? texts
            : [.. texts.Take(1)];
    }
}
