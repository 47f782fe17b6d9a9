using StreamDiff.Models;
using StreamDiff.Pipeline.Verification;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Verification;

public sealed class GoldenVerifierTests
{
    private static readonly string Golden = FindGolden();

    public static TheoryData<string> Cases() =>
        [.. Directory.EnumerateFiles(Golden, "case.json", SearchOption.AllDirectories)
            .Select(f => Path.GetFileName(Path.GetDirectoryName(f)!))];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_GivenCase_EqualsThePublishedSystem(string name)
    {
        var result = Assert.Single(GoldenVerifier.Run(Path.Combine(Golden, name), CPU, ScalarType.Float32));
        Assert.True(result.Passed, result.Detail);
    }

    public static TheoryData<string, int> RankedCases()
    {
        var data = new TheoryData<string, int>();
        foreach (var name in Directory.EnumerateDirectories(Golden).Select(d => Path.GetFileName(d)!)
            .Where(c => c.StartsWith("stream_batch", StringComparison.Ordinal) || c.StartsWith("sequential", StringComparison.Ordinal)
                || c.StartsWith("end_to_end", StringComparison.Ordinal)))
            foreach (var ranks in (int[])[2, 3])
                data.Add(name, ranks);
        return data;
    }

    [Theory]
    [MemberData(nameof(RankedCases))]
    public void Run_SpreadOverRanks_EqualsThePublishedSystem(string name, int ranks)
    {
        var result = Assert.Single(
            GoldenVerifier.Run(Path.Combine(Golden, name), CPU, ScalarType.Float32, ranks: [.. Enumerable.Repeat(CPU, ranks)]));
        Assert.True(result.Passed, result.Detail);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_GivenCaseInBFloat16_LiesWithinItsOwnTolerance(string name)
    {
        var result = Assert.Single(GoldenVerifier.Run(Path.Combine(Golden, name), CPU, ScalarType.BFloat16));
        Assert.True(result.Passed, result.Detail);
    }

    [Theory]
    [InlineData("stream_batch_2step")]
    [InlineData("taehv")]
    [InlineData("rope")]
    public void Run_OneNumberChanged_Fails(string name)
    {
        using var folder = new TestFolder();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Golden, name)))
            File.Copy(file, folder.File(Path.GetFileName(file)));
        // The last bytes belong to an expected result or to an input; either way the numbers no longer agree.
        var io = folder.File("io.safetensors");
        var bytes = File.ReadAllBytes(io);
        for (var i = bytes.Length - 4096; i < bytes.Length; i += 4)
            BitConverter.TryWriteBytes(bytes.AsSpan(i), 3f);
        File.WriteAllBytes(io, bytes);

        Assert.False(Assert.Single(GoldenVerifier.Run(folder.File("."), CPU, ScalarType.Float32)).Passed);
    }

    [Fact]
    public void Run_UnknownKind_FailsWithAReason()
    {
        using var folder = new TestFolder();
        File.WriteAllText(folder.File("case.json"), """{"kind": "nonsense", "config": {}}""");
        var result = Assert.Single(GoldenVerifier.Run(folder.File("."), CPU, ScalarType.Float32));
        Assert.Equal((false, "unknown kind"), (result.Passed, result.Detail));
    }

    [Fact]
    public void Run_NoCase_SaysSo()
    {
        using var folder = new TestFolder();
        Assert.Throws<ModelException>(() => GoldenVerifier.Run(folder.File("."), CPU, ScalarType.Float32));
    }

    private static string FindGolden()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "tests", "golden")))
                return Path.Combine(folder.FullName, "tests", "golden");
        throw new DirectoryNotFoundException("tests/golden was not found above the test binaries");
    }
}
