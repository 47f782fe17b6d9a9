using System.Text.RegularExpressions;

namespace StreamDiff.Repository.Tests.Architecture;

public sealed partial class FolderTests
{
    [Fact]
    [Trait("Category", "Slow")]
    public void Folders_OfOneProject_DoNotNeedEachOther()
    {
        var cycles = FolderCycles.In(CodeMap.Of.Uses);
        Assert.True(cycles.Count == 0,
            "Folders need each other; move what both need below them, or what joins them above:\n" + string.Join('\n', cycles));
    }

    [Fact]
    public void Cycles_OfTwoAndOfThree_AreFoundAndToldOnce()
    {
        Use[] uses =
        [
            new("P/A", "P/B", "Bee", "a.cs:1"), new("P/B", "P/A", "Ay", "b.cs:2"), new("P/B", "P/C", "Sea", "b.cs:3"),
            new("P/C", "P", "Pea", "c.cs:4"), new("P", "P/B", "Bee", "p.cs:5"), new("P/A", "Q/A", "Cue", "a.cs:6"),
            new("Q/A", "P/A", "Ay", "q.cs:7"),
        ];
        Assert.Equal(
            ["src/P uses Bee of src/P/B (p.cs:5), src/P/B uses Sea of src/P/C (b.cs:3), src/P/C uses Pea of src/P (c.cs:4)",
                "src/P/A uses Bee of src/P/B (a.cs:1), src/P/B uses Ay of src/P/A (b.cs:2)"],
            FolderCycles.In(uses).Select(c => c.ToString()));
    }

    // What the map goes by, and what a reader expects.
    [Fact]
    public void Namespaces_OfOurs_AreTheirFolders() => Assert.All(
        RepositoryFiles.Sources("src").Where(f => !f.Contains("/FFmpeg.Bindings/", StringComparison.Ordinal)),
        file =>
        {
            var folder = RepositoryFiles.Name(Path.GetDirectoryName(file)!)["src/".Length..];
            var declared = Namespace().Match(File.ReadAllText(file));
            Assert.True(!declared.Success || declared.Groups[1].Value == "StreamDiff." + folder.Replace('/', '.'),
                $"{file} has another namespace than its folder");
        });

    [GeneratedRegex(@"^namespace ([\w.]+)", RegexOptions.Multiline)]
    private static partial Regex Namespace();
}
