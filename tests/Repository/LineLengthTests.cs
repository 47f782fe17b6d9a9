namespace StreamDiff.Repository.Tests;

public sealed class LineLengthTests
{
    /// <summary>Columns: two files side by side on a wide screen.</summary>
    private const int Longest = 140;

    [Fact]
    public void Lines_OfOurs_FitTheScreen()
    {
        var tooLong = Long("src").Concat(Long("tests")).ToList();
        Assert.True(tooLong.Count == 0, $"longer than {Longest} columns:\n" + string.Join('\n', tooLong));
    }

    // A generated file is as its generator makes it.
    private static IEnumerable<string> Long(string folder) =>
        from file in RepositoryFiles.Sources(folder)
        where !file.Contains("/Generated/", StringComparison.Ordinal)
        from line in File.ReadLines(file).Select((text, i) => (text, number: i + 1))
        where line.text.Length > Longest
        select $"{RepositoryFiles.Name(file)}:{line.number}";
}
