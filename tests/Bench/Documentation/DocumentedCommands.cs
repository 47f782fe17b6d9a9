using System.Text.RegularExpressions;

namespace StreamDiff.Bench.Tests.Documentation;

/// <summary>A command line of ours in a code block of the documentation.</summary>
/// <param name="File">Where it stands, from the repository's root.</param>
/// <param name="Line">As it stands there, without its comment; lines that go on in the next one are joined.</param>
internal sealed record DocumentedCommand(string File, string Line)
{
    /// <summary>The words, without quotes.</summary>
    public IReadOnlyList<string> Words { get; } =
        [.. Regex.Matches(Line, """(?:'[^']*'|"[^"]*"|[^\s'"])+""").Select(word => word.Value.Replace("'", "").Replace("\"", ""))];
}

/// <summary>The command lines in the documentation of the repository.</summary>
internal static partial class DocumentedCommands
{
    public static string Root { get; } = FindRoot();

    /// <summary>The Markdown files that tell of this program; the reference is made from it.</summary>
    public static IEnumerable<string> Files() =>
        Directory.EnumerateFiles(Path.Combine(Root, "docs"), "*.md", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Root, "*.md"))
            .Where(file => !Path.GetFileName(file).StartsWith("commands", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public static IReadOnlyList<DocumentedCommand> All() => [.. Files().SelectMany(Of)];

    /// <summary>Options in running text, such as `--steps 2`.</summary>
    public static IEnumerable<(string File, string Option)> Mentioned() =>
        from file in Files()
        from span in InlineCode().Matches(CodeBlock().Replace(File.ReadAllText(file), ""))
        where !span.Value.Contains("scripts/", StringComparison.Ordinal) && !ForeignProgram().IsMatch(span.Value)
        from option in Option().Matches(span.Value)
        select (Path.GetRelativePath(Root, file), option.Value);

    private static IEnumerable<DocumentedCommand> Of(string file) =>
        from block in CodeBlock().Matches(File.ReadAllText(file))
        from line in Continued().Replace(block.Groups[1].Value, " ").Split('\n')
        where Ours().IsMatch(line)
        select new DocumentedCommand(Path.GetRelativePath(Root, file), Comment().Replace(line, "").Trim().TrimEnd('&').Trim());

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "StreamDiff.sln")))
                return folder.FullName;
        throw new DirectoryNotFoundException("StreamDiff.sln was not found above the test binaries");
    }

    [GeneratedRegex(@"^```\w*\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"(?<!`)`([^`\n]+)`(?!`)")]
    private static partial Regex InlineCode();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z0-9-]+")]
    private static partial Regex Option();

    [GeneratedRegex(@"^`?(dotnet|docker|ffmpeg|apt-get|sudo|ldd|git|modprobe)\b")]
    private static partial Regex ForeignProgram();

    [GeneratedRegex(@"\s*\\\n\s*")]
    private static partial Regex Continued();

    [GeneratedRegex(@"^\s*streamdiff(-bench)? ")]
    private static partial Regex Ours();

    [GeneratedRegex(@"\s+#\s.*$")]
    private static partial Regex Comment();
}
