using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;

namespace StreamDiff.CommandLine.Reference;

/// <summary>What a program's commands say of themselves, in the order of its help; hidden commands and options are left out.</summary>
internal static class CommandTree
{
    private const string Named = "Default: ";

    /// <summary>A command with the words that lead to it, the program's name first.</summary>
    /// <param name="Words">Such as "streamdiff models pull".</param>
    /// <param name="Command">The command.</param>
    internal sealed record Entry(string Words, Command Command)
    {
        public IEnumerable<Command> Commands => Command.Subcommands.Where(c => !c.Hidden);

        public IEnumerable<Option> Options => Command.Options.Where(o => !o.Hidden && o is not (HelpOption or VersionOption));

        public IEnumerable<Argument> Arguments => Command.Arguments.Where(a => !a.Hidden);
    }

    /// <summary>The program itself and all its commands.</summary>
    public static IEnumerable<Entry> Of(RootCommand root, string program) => Below(new Entry(program, root));

    /// <summary>How it is called: words, arguments, "[options]" or "[command]".</summary>
    public static string Synopsis(Entry entry) => string.Join(' ',
    [
        entry.Words,
        .. entry.Arguments.Select(a => a.Arity.MinimumNumberOfValues > 0 ? Value(a) : $"[{Value(a)}]"),
        .. entry.Commands.Any() ? (string[])["COMMAND"] : [],
        .. entry.Options.Any() ? (string[])["[options]"] : [],
    ]);

    /// <summary>Such as "--prompt, -p TEXT".</summary>
    public static string Form(Option option)
    {
        var names = string.Join(", ", option.Aliases.Prepend(option.Name).Distinct());
        return !TakesValue(option) ? names
            : option.Arity.MinimumNumberOfValues == 0 ? $"{names} [{Value(option)}]"
            : $"{names} {Value(option)}";
    }

    /// <summary>What it is for, with its default.</summary>
    public static string Text(Option option)
    {
        var text = Sentence(option.Description);
        var value = option.HasDefaultValue && !text.Contains(Named, StringComparison.Ordinal) ? option.GetDefaultValue() : null;
        return value is null or false or "" or Array { Length: 0 } || !TakesValue(option) ? text
            : string.Create(CultureInfo.InvariantCulture, $"{text} {Named}{value}.");
    }

    /// <summary>What it is for.</summary>
    public static string Text(Symbol symbol) => Sentence(symbol.Description);

    /// <summary>True where a value follows.</summary>
    public static bool TakesValue(Option option) => option.ValueType != typeof(bool);

    /// <summary>The word that stands for a value.</summary>
    public static string Value(Argument argument) => argument.HelpName ?? argument.Name;

    private static string Value(Option option) => option.HelpName ?? option.Name.TrimStart('-').ToUpperInvariant();

    private static string Sentence(string? text) => Say.OneLine(text ?? "");

    private static IEnumerable<Entry> Below(Entry entry) =>
        entry.Commands.SelectMany(c => Below(new Entry($"{entry.Words} {c.Name}", c))).Prepend(entry);
}
