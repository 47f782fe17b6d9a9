using System.Text;
using StreamDiff.Cli.Options;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Yaml;
using YamlDotNet.Core;

namespace StreamDiff.Cli.Tests.Options;

/// <summary>Configuration files that mean no good: each ends with one line and a code, in the time and memory of a small file.</summary>
public sealed class HostileConfigTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    public static TheoryData<string, string> Texts => new()
    {
        { "deep list", new string('[', 100_000) },
        { "deep mapping", string.Concat(Enumerable.Repeat("{a: ", 100_000)) },
        { "deep block list", string.Concat(Enumerable.Repeat("- ", 100_000)) },
        { "deep block mapping", string.Concat(Enumerable.Range(0, 400).Select(i => new string(' ', i) + "a:\n")) },
        { "deep keys", string.Concat(Enumerable.Repeat("? ", 100_000)) },
        { "a key within itself", "&a [*a]: x" },
        { "a key of a key within itself", "&a {? *a : 1}: 2" },
        { "a value within itself", "input: &a [*a, *a]" },
        { "a document within itself", "&a {input: *a}" },
        { "an alias of nothing", "input: *nobody" },
        { "billion laughs", Laughs(30) },
        { "quadratic",
            $"a: &a [{string.Join(',', Enumerable.Repeat("x", 1000))}]\nb: [{string.Join(',', Enumerable.Repeat("*a", 1000))}]" },
        { "NUL", "input: \"a\\0b\"" },
        { "half a surrogate pair", "input: \"\\ud800\"" },
        { "halves that are no pair", "input: \"\\ud800\\u0041\"" },
        { "a long value", $"input: {new string('x', 100_000)}" },
        { "several documents", string.Concat(Enumerable.Repeat("---\na\n", 100)) },
        { "a list", "- a\n- b" },
        { "nothing but a tag", "!<tag:yaml.org,2002:python/object/apply:os.system> [id]" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Text_ThatIsNoConfiguration_IsOneProblem(string what, string text)
    {
        var (path, given) = (_streamdiff.Folder["c.yaml"], new GivenOptions(OptionUse.Run));
        File.WriteAllText(path, text);
        var before = GC.GetTotalAllocatedBytes();
        ConfigFile.Read(path, given);
        var problems = given.Problems.Select(p => p.At()).ToList();
        Assert.True(problems.Count is >= 1 and <= 2, $"{what}: {string.Join("; ", problems)}");
        Assert.All(problems, p => Assert.InRange(p.ReplaceLineEndings(" ").Length, 1, 2000));
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 200 << 20);
    }

    [Fact]
    public void Yaml_WithAnchorsThatArePlain_IsRead()
    {
        var given = new GivenOptions(OptionUse.Run);
        File.WriteAllText(_streamdiff.Folder["c.yaml"], "prompt: &p neon\nmodel: *p\n");
        Assert.True(ConfigFile.Read(_streamdiff.Folder["c.yaml"], given));
        Assert.Equal("neon", given.Read(new RestyleOptions()).Compute.Model);
        Assert.Throws<YamlException>(() => YamlReader.Read("a: &a [*a]"));
    }

    [Theory]
    [InlineData("run", new byte[] { (byte)'a', (byte)':', (byte)' ', 0xff, 0xfe, 0x80 })]
    [InlineData("serve", new byte[] { (byte)'a', (byte)':', (byte)' ', 0xff, 0xfe, 0x80 })]
    [InlineData("run", new byte[] { (byte)'a', 0, (byte)'b' })]
    public void Bytes_ThatAreNoText_AreOneLineAndACode(string command, byte[] bytes)
    {
        File.WriteAllBytes(_streamdiff.Folder["c.yaml"], bytes);
        AssertOneLine(_streamdiff.Run(command, "--config", "c.yaml"));
    }

    [Theory]
    [InlineData("run", "/dev/zero")]
    [InlineData("run", "laughs.yaml")]
    [InlineData("serve", "laughs.yaml")]
    [InlineData("serve", "self.yaml")]
    [InlineData("serve", "deep.yaml")]
    public void Command_WithSuchAFile_EndsWithOneLine(string command, string file)
    {
        File.WriteAllText(_streamdiff.Folder["laughs.yaml"], "sessions:\n" + Laughs(30));
        File.WriteAllText(_streamdiff.Folder["self.yaml"], "sessions: &a [*a]");
        File.WriteAllText(_streamdiff.Folder["deep.yaml"], $"sessions: {new string('[', 50_000)}");
        AssertOneLine(_streamdiff.Run(command, "--config", file));
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("at NaN noise 0.4")]
    [InlineData("at Infinity noise 0.4")]
    [InlineData("at -1 noise 0.4")]
    [InlineData("at 1e400 noise 0.4")]
    [InlineData("at 12 noise NaN")]
    [InlineData("at frame 99999999999999999999 noise 0.4")]
    public void Timeline_NumbersThatAreNone_AreOneLine(string line)
    {
        File.WriteAllText(_streamdiff.Folder["t.txt"], line + "\n");
        AssertOneLine(_streamdiff.Run("run", "-i", "test:testsrc2", "-o", "a.mp4", "--timeline", "t.txt"));
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("cpu\nsecret-file:\n")]
    [InlineData("cpu\nsecret-file:   \n127.0.0.1:7000\n")]
    [InlineData("cpu\ntls-ca:\n")]
    [InlineData("cpu\n\0\n")]
    [InlineData("127.0.0.1:99999\n")]
    public void Hosts_ThatAreNone_AreOneLine(string text)
    {
        File.WriteAllText(_streamdiff.Folder["hosts"], text);
        AssertOneLine(_streamdiff.Run("run", "-i", "test:testsrc2", "-o", "a.mp4", "--ranks", "hosts"));
    }

    [Theory]
    [InlineData("--noise-scale", "NaN")]
    [InlineData("--start", "Infinity")]
    [InlineData("--duration", "NaN")]
    public void Option_ThatIsNoNumber_IsOneLine(string option, string value) =>
        AssertOneLine(_streamdiff.Run("run", "-i", "test:testsrc2", "-o", "a.mp4", option, value));

    [Fact]
    public void Threads_ThatTheMemoryLimitHasNoRoomFor_AreOneLineAndACode()
    {
        var outcome = Streamdiff.Finish(_streamdiff.StartShell("ulimit -v 6000000; exec \"$0\" \"$@\"", "run", "-i",
            "test:testsrc2?size=64x64&duration=1", "-o", "a.mp4", "--size", "64x64", "--threads", "1024"));
        AssertOneLine(outcome);
        Assert.Contains("--threads", outcome.Problems[0], StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Pictures_ThatTheMemoryHasNoRoomFor_AreOneLineThatSaysWhatWouldFit()
    {
        var outcome = Streamdiff.Finish(_streamdiff.StartShell("ulimit -v 9000000; exec \"$0\" \"$@\"", "run", "-i",
            "test:testsrc2?size=4096x3072&duration=1", "-o", "a.mp4", "--size", "4096x3072", "--device", "cpu"));
        Assert.Equal(1, outcome.ExitCode);
        Assert.Matches("out of memory on cpu.*tiny at 4096x3072 with taehv and 2 steps .* what would: tiny at ",
            Assert.Single(outcome.Problems));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Verbose_AndEverythingElse_PrintsNoSecrets()
    {
        var outcome = _streamdiff.Run("run", "--model", "passthrough", "-i", "http://me:hunter22@127.0.0.1:1/a.ts?auth=hunter23", "-o",
            "RTMP://127.0.0.1:1/live/hunter24", "-o", "rtmp://127.0.0.1:1/hunter25", "--verbose");
        Assert.DoesNotContain("hunter2", outcome.Output + outcome.Error, StringComparison.Ordinal);
        Assert.Contains("***", outcome.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("list")]
    [InlineData("stop")]
    [InlineData("quit")]
    public void Session_NamedAsACommand_IsRefused(string name)
    {
        File.WriteAllText(_streamdiff.Folder["s.yaml"],
            $"model: tiny\nsessions:\n  - name: {name}\n    input: test:testsrc2\n    output: 'null:'\n");
        var outcome = _streamdiff.Run("serve", "--config", "s.yaml", "--duration", "1");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("is a command of the server", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    private static void AssertOneLine(Streamdiff.Outcome outcome)
    {
        Assert.InRange(outcome.ExitCode, 1, 2);
        Assert.NotEmpty(outcome.Problems);
        Assert.InRange(outcome.Problems.Length, 1, 3);
        Assert.DoesNotContain("internal error", outcome.Error, StringComparison.Ordinal);
    }

    private static string Laughs(int levels)
    {
        var text = new StringBuilder("a0: &a0 [x, x]\n");
        for (var i = 1; i < levels; i++)
            text.Append($"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n");
        return text.ToString();
    }
}
