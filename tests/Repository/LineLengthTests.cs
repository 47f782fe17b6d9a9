namespace StreamDiff.Repository.Tests;

public sealed class LineLengthTests
{
    /// <summary>Columns: two files side by side on a wide screen.</summary>
    private const int Longest = 140;

    /// <summary>Lines that are still longer, by folder. The numbers fall; where one is 0, the folder leaves the list.</summary>
    private static readonly Dictionary<string, int> Still = new()
    {
        ["src/Pipeline"] = 393,
        ["src/Transport/Links"] = 65,
        ["tests/Pipeline"] = 110,
        ["tests/Transport/Links"] = 15,
    };

    [Fact]
    public void Lines_OfOurs_FitTheScreen()
    {
        var tooLong = Long("src").Concat(Long("tests"))
            .Where(line => !Still.Keys.Any(folder => line.StartsWith($"{folder}/", StringComparison.Ordinal))).ToList();
        Assert.True(tooLong.Count == 0, $"longer than {Longest} columns:\n" + string.Join('\n', tooLong));
    }

    [Fact]
    public void Lines_OfFoldersThatAreListed_AreNoMoreThanThere() =>
        Assert.All(Still, folder => Assert.InRange(Long(folder.Key).Count(), 1, folder.Value));

    // A generated file is as its generator makes it.
    private static IEnumerable<string> Long(string folder) =>
        from file in RepositoryFiles.Sources(folder)
        where !file.Contains("/Generated/", StringComparison.Ordinal)
        from line in File.ReadLines(file).Select((text, i) => (text, number: i + 1))
        where line.text.Length > Longest
        select $"{RepositoryFiles.Name(file)}:{line.number}";
}
