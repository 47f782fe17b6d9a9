using System.CommandLine;
using System.Text;

namespace StreamDiff.CommandLine.Reference;

/// <summary>All commands and options of a program as a Markdown page.</summary>
public static class MarkdownReference
{
    public static string Of(RootCommand root, string program)
    {
        var text = new StringBuilder($"# {program}: commands and options\n\n")
            .Append($"Written by `scripts/reference` from the commands themselves; `{program} COMMAND --help` says the same.\n");
        foreach (var entry in CommandTree.Of(root, program))
        {
            text.Append($"\n## {entry.Words}\n\n{Escape(CommandTree.Text(entry.Command))}\n\n")
                .Append($"```text\n{CommandTree.Synopsis(entry)}\n```\n");
            Table(text, "command", entry.Commands.Select(c => (c.Name, CommandTree.Text(c))));
            Table(text, "argument", entry.Arguments.Select(a => (CommandTree.Value(a), CommandTree.Text(a))));
            Table(text, "option", entry.Options.Select(o => (CommandTree.Form(o), CommandTree.Text(o))));
        }
        return text.ToString();
    }

    private static void Table(StringBuilder text, string head, IEnumerable<(string Name, string Text)> rows)
    {
        var begun = false;
        foreach (var (name, what) in rows)
        {
            text.Append(begun ? "" : $"\n| {head} | what it does |\n|---|---|\n")
                .Append($"| `{name.Replace("|", "\\|", StringComparison.Ordinal)}` | {Escape(what)} |\n");
            begun = true;
        }
    }

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal)
        .Replace("<", "&lt;", StringComparison.Ordinal).Replace("*", "\\*", StringComparison.Ordinal);
}
