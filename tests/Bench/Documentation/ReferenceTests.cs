using System.Diagnostics;
using System.Text.RegularExpressions;
using StreamDiff.Cli.Tests;

namespace StreamDiff.Bench.Tests.Documentation;

public sealed partial class ReferenceTests
{
    // Options of every program, which the reference leaves out, and the word that stands for any.
    private static readonly HashSet<string> Everywhere = ["--help", "--version", "--option"];

    [Theory]
    [InlineData("streamdiff", "commands.md")]
    [InlineData("streamdiff-bench", "commands-bench.md")]
    public void Reference_InTheDocumentation_IsThatOfTheCommands(string program, string file)
    {
        using var streamdiff = new Streamdiff(program);
        var outcome = streamdiff.Run("reference", "markdown");
        Assert.Equal(0, outcome.ExitCode);
        Assert.True(
            outcome.Output == File.ReadAllText(Path.Combine(DocumentedCommands.Root, "docs", file)),
            $"docs/{file} is older than the commands: run scripts/reference");
    }

    [Fact]
    public void Documentation_CommandsAndOptions_AllExist()
    {
        var known = Known();
        var problems = new List<string>();
        foreach (var documented in DocumentedCommands.All())
        {
            var words = documented.Words;
            var command = words[0];
            var first = 1;
            while (first < words.Count && known.ContainsKey($"{command} {words[first]}"))
                command += $" {words[first++]}";
            // A list of commands, "core|kernels", is one example of each.
            var names = first < words.Count && command == words[0] ? words[first].Split('|') : [];
            problems.AddRange(names.Where(name => !known.ContainsKey($"{command} {name}")).Select(name =>
                $"{documented.File}: '{words[0]}' has no command '{name}'"));
            problems.AddRange(words.Skip(first).Select(word => word.Split('=')[0])
                .Where(word => OptionName().IsMatch(word) && !known[command].Contains(word) && !Everywhere.Contains(word))
                .Select(word => $"{documented.File}: '{command}' has no option '{word}'"));
        }
        var all = known.Values.SelectMany(options => options).Concat(Everywhere).ToHashSet();
        var ofScripts = Scripts();
        problems.AddRange(DocumentedCommands.Mentioned().Where(m => !all.Contains(m.Option) && !ofScripts.Contains(m.Option))
            .Select(m => $"{m.File}: no command has an option '{m.Option}'"));
        Assert.True(problems.Count == 0, string.Join('\n', problems.Distinct()));
    }

    [Theory]
    [InlineData("streamdiff", "streamdiff mod", "models")]
    [InlineData("streamdiff", "streamdiff models p", "pull")]
    [InlineData("streamdiff", "streamdiff run --prom", "--prompt")]
    [InlineData("streamdiff-bench", "streamdiff-bench lat", "latency")]
    public void Completion_InBash_CompletesCommandsAndOptions(string program, string typed, string completed)
    {
        using var streamdiff = new Streamdiff(program);
        var script = streamdiff.Folder.Write("completion", streamdiff.Run("completion", "bash").Output);
        var words = typed.Split(' ');
        var ask = $"source '{script}'; COMP_WORDS=({typed}); COMP_CWORD={words.Length - 1}; _{program.Replace('-', '_')}; "
            + "printf '%s\\n' \"${COMPREPLY[@]}\"";
        using var bash = Streamdiff.Guarded(
            Process.Start(new ProcessStartInfo("bash", ["--norc", "-c", ask]) { RedirectStandardOutput = true })!);
        var answer = bash.StandardOutput.ReadToEnd();
        bash.WaitForExit();
        Assert.Contains(completed, answer.Split('\n'));
    }

    [Theory]
    [InlineData("streamdiff")]
    [InlineData("streamdiff-bench")]
    public void ManPage_OfAProgram_NamesItsOptionsInTheMacrosOfMan(string program)
    {
        using var streamdiff = new Streamdiff(program);
        var page = streamdiff.Run("reference", "man").Output;
        Assert.StartsWith($".TH {program.ToUpperInvariant()} 1 ", page, StringComparison.Ordinal);
        foreach (var section in (string[])["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS"])
            Assert.Contains($"\n.SH {section}\n", page, StringComparison.Ordinal);
        // Everything else at a line's start would be a request that nobody meant.
        Assert.All(page.Split('\n').Where(line => line.StartsWith('.')), line => Assert.Matches(@"^\.(TH|SH|SS|TP|B|I|br)\b", line));
    }

    // The options of each command, by the words that lead to it.
    private static Dictionary<string, HashSet<string>> Known()
    {
        var known = new Dictionary<string, HashSet<string>>();
        foreach (var file in (string[])["commands.md", "commands-bench.md"])
        {
            HashSet<string>? options = null;
            foreach (var line in File.ReadLines(Path.Combine(DocumentedCommands.Root, "docs", file)))
            {
                if (line.StartsWith("## ", StringComparison.Ordinal))
                    known[line[3..]] = options = [];
                else if (line.StartsWith("| `-", StringComparison.Ordinal))
                    options!.UnionWith(OptionName().Matches(line[..line.IndexOf("` |", StringComparison.Ordinal)]).Select(m => m.Value));
            }
        }
        return known;
    }

    // Whatever a script of ours takes stands in it, or in the program that it starts.
    private static HashSet<string> Scripts() =>
    [
        .. Directory.EnumerateFiles(Path.Combine(DocumentedCommands.Root, "scripts"))
            .Concat(Directory.EnumerateFiles(Path.Combine(DocumentedCommands.Root, "src/Training"), "*.cs", SearchOption.AllDirectories))
            .SelectMany(file => OptionName().Matches(File.ReadAllText(file))).Select(option => option.Value),
    ];

    [GeneratedRegex(@"(?<![\w-])--?[a-z][a-z0-9-]*")]
    private static partial Regex OptionName();
}
