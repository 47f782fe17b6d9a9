using System.CommandLine;
using System.Text;

namespace StreamDiff.CommandLine.Reference;

/// <summary>All commands and options of a program as a manual page, in the macros of man(7).</summary>
public static class ManPage
{
    /// <param name="root">The program's commands.</param>
    /// <param name="program">Its name.</param>
    /// <param name="version">Such as "0.1.0".</param>
    public static string Of(RootCommand root, string program, string version)
    {
        var entries = CommandTree.Of(root, program).ToList();
        var text = new StringBuilder($".TH {program.ToUpperInvariant()} 1 \"\" \"StreamDiff {version}\" \"User Commands\"\n")
            .Append($".SH NAME\n{Escape(program)} \\- {Escape(CommandTree.Text(root).TrimEnd('.'))}\n.SH SYNOPSIS\n");
        foreach (var entry in entries.Where(e => !e.Commands.Any()))
            text.Append($".B {Escape(entry.Words)}\n{Escape(CommandTree.Synopsis(entry)[entry.Words.Length..].Trim())}\n.br\n");
        text.Append(".SH DESCRIPTION\n").Append(Line(CommandTree.Text(root))).Append(".SH COMMANDS\n");
        foreach (var entry in entries.Skip(1))
        {
            text.Append($".SS {Escape(CommandTree.Synopsis(entry))}\n").Append(Line(CommandTree.Text(entry.Command)));
            foreach (var argument in entry.Arguments)
                text.Append($".TP\n.I {Escape(CommandTree.Value(argument))}\n").Append(Line(CommandTree.Text(argument)));
            foreach (var option in entry.Options)
                text.Append($".TP\n.B {Escape(CommandTree.Form(option))}\n").Append(Line(CommandTree.Text(option)));
        }
        text.Append(".SH EXIT STATUS\n0 when all went well, 1 when something failed, 2 when the command line is wrong, ")
            .Append("128 and its number after a signal.\n");
        return text.ToString();
    }

    private static string Line(string text) => (text.Length == 0 ? "\\&" : Escape(text)) + "\n";

    // A point or an apostrophe at a line's start would be a request.
    private static string Escape(string text)
    {
        var safe = text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal);
        return safe is ['.' or '\'', ..] ? "\\&" + safe : safe;
    }
}
