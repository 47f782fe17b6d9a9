using StreamDiff.Models;
using StreamDiff.Pipeline.Verification;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Verification;

public sealed class GoldenVerifierTests
{
    private const string Whole = "end_to_end_2step";
    private static readonly string Golden = FindGolden();

    public static TheoryData<string> Cases() => [.. Names()];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Run_GivenCase_EqualsThePublishedSystem(string name)
    {
        var result = Assert.Single(GoldenVerifier.Run(Path.Combine(Golden, name), CPU, ScalarType.Float32));
        Assert.True(result.Passed, result.Detail);
    }

    public static TheoryData<string> RankedCases() =>
        [.. Directory.EnumerateDirectories(Golden).Select(d => Path.GetFileName(d)!)
            .Where(c => c.StartsWith("stream_batch", StringComparison.Ordinal) || c.StartsWith("sequential", StringComparison.Ordinal)
                || c.StartsWith("end_to_end", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(RankedCases))]
    public void Run_SpreadOverThreeRanks_EqualsThePublishedSystem(string name) => AssertRanked(name, 3);

    [Theory]
    [Trait("Category", "Slow")]
    [MemberData(nameof(RankedCases))]
    public void Run_SpreadOverTwoRanks_EqualsThePublishedSystem(string name) => AssertRanked(name, 2);

    private static void AssertRanked(string name, int ranks)
    {
        var result = Assert.Single(
            GoldenVerifier.Run(Path.Combine(Golden, name), CPU, ScalarType.Float32, ranks: [.. Enumerable.Repeat(CPU, ranks)]));
        Assert.True(result.Passed, result.Detail);
    }

    // Of its parts the others tell; many processors take a minute for the whole in this type.
    public static TheoryData<string> Parts() => [.. Names().Where(c => c != Whole)];

    [Theory]
    [MemberData(nameof(Parts))]
    public void Run_GivenPartInBFloat16_LiesWithinItsOwnTolerance(string name) => AssertBFloat16(name);

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_EndToEndInBFloat16_LiesWithinItsOwnTolerance() => AssertBFloat16(Whole);

    private static void AssertBFloat16(string name)
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

    private static IEnumerable<string> Names() =>
        Directory.EnumerateFiles(Golden, "case.json", SearchOption.AllDirectories)
            .Select(f => Path.GetFileName(Path.GetDirectoryName(f)!));

    private static string FindGolden()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "tests", "golden")))
                return Path.Combine(folder.FullName, "tests", "golden");
        throw new DirectoryNotFoundException("tests/golden was not found above the test binaries");
    }
}
