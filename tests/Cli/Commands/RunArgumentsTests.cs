namespace StreamDiff.Cli.Tests.Commands;

/// <summary>
/// What strangers type first: files without option names, prompts without quotes, files of another kind. One clear error, or it works.
/// </summary>
public sealed class RunArgumentsTests : IDisposable
{
    private const string Source = "test:scene?size=64x64&rate=8&duration=1";
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Theory]
    [InlineData(Source, "out.mp4")]
    [InlineData("-o", "out.mp4", Source)]
    public void Run_FilesWithoutOptionNames_AreInputAndOutput(params string[] files)
    {
        var outcome = _streamdiff.Run(["run", .. files, "--size", "64x64", "-p", "a mosaic", "--steps", "1"]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.StartsWith("8 frames", outcome.Output, StringComparison.Ordinal);
        Assert.True(new FileInfo(_streamdiff.Folder["out.mp4"]).Length > 0);
    }

    [Theory]
    [InlineData("output is missing: give --output FILE", "test:scene")]
    [InlineData("input nowhere does not exist", "nowhere", "out.mp4")]
    [InlineData("output out needs an extension that names the container, such as .mp4 or .mkv", "test:scene", "out")]
    [InlineData("unknown argument 'third.mp4': a run has one input and one output; of several outputs each is named with --output",
        "test:scene", "out.mp4", "third.mp4")]
    [InlineData("unknown argument 'oil': a prompt of several words is put in quotes: --prompt \"an oil painting\"", "test:scene", "out.mp4",
        "-p", "an", "oil", "painting")]
    [InlineData("unknown argument 'oil': a prompt of several words is put in quotes: --prompt \"an oil painting\"", "-p", "an", "oil",
        "painting", "-i", "test:scene", "-o", "out.mp4")]
    [InlineData("unknown option '--stesp': did you mean '--steps'?", "--stesp", "4", "test:scene", "out.mp4")]
    [InlineData("unknown option '-steps': did you mean '--steps'?", "-steps", "4", "test:scene", "out.mp4")]
    [InlineData("unknown option '--stesp=4': did you mean '--steps'?", "--stesp=4", "test:scene", "out.mp4")]
    [InlineData(
        "'rtpm://host/live/key': FFmpeg knows no rtpm://; use rtmp://, rtmps://, srt://, udp://, http://, https://, v4l2:, screen: or a "
            + "file", "rtpm://host/live/key", "out.mp4")]
    [InlineData(
        "input http//host/film.mp4 does not exist; if it is an address, write http://host/film.mp4", "http//host/film.mp4", "out.mp4")]
    public void Run_Mistake_IsToldOnceAndClearly(string problem, params string[] args)
    {
        var outcome = _streamdiff.Run(["run", .. args]);
        Assert.Equal([$"error: {problem}"], outcome.Problems);
        Assert.Equal(2, outcome.ExitCode);
    }

    // "run *.mp4" in a folder of two videos.
    [Fact]
    public void Run_OutputThatExistsAndIsNotNamedAsOne_IsKept()
    {
        _streamdiff.Folder.Write("a.mp4", "one video");
        _streamdiff.Folder.Write("b.mp4", "another video");
        var outcome = _streamdiff.Run("run", "a.mp4", "b.mp4", "-p", "neon");
        Assert.Equal(["error: output b.mp4 exists: --output b.mp4 replaces it"], outcome.Problems);
        Assert.Equal("another video", File.ReadAllText(_streamdiff.Folder["b.mp4"]));
        outcome = _streamdiff.Run("run", "a.mp4", "a.mp4");
        Assert.Equal(["error: output a.mp4 is the input itself: it would be destroyed"], outcome.Problems);
    }

    [Theory]
    [InlineData("prompt: \"neon\nsteps: 2\n", "bad.yaml:1 is not valid YAML: ")]
    [InlineData("sizes: [a\n", "bad.yaml:2 is not valid YAML: ")]
    [InlineData("input\n", "bad.yaml:1 must be a list of 'option: value' lines")]
    [InlineData("steps: 2\n---\nsteps: 3\n", "bad.yaml holds 2 documents instead of one")]
    [InlineData(null, "config file bad.yaml does not exist")]
    public void Run_ConfigFileThatCannotBeRead_IsTheOneError(string? text, string problem)
    {
        if (text is not null)
            _streamdiff.Folder.Write("bad.yaml", text);
        foreach (var command in (string[])["run", "serve"])
        {
            var outcome = _streamdiff.Run(command, "--config", "bad.yaml");
            Assert.StartsWith($"error: {problem}", Assert.Single(outcome.Problems), StringComparison.Ordinal);
            Assert.Equal(2, outcome.ExitCode);
        }
    }

    [Theory]
    [InlineData("run", "inptu: test:scene\noutput: \"null:\"\n", "c.yaml:1 unknown option 'inptu': did you mean 'input'?")]
    [InlineData("serve", "sessions:\n  - name: a\n    inptu: test:scene\n    output: \"null:\"\n",
        "c.yaml:3 inptu is no option of a session: did you mean 'input'?")]
    public void ConfigFile_NameOfTheInputMistyped_IsTheOneError(string command, string text, string problem)
    {
        _streamdiff.Folder.Write("c.yaml", text);
        Assert.Equal([$"error: {problem}"], _streamdiff.Run(command, "--config", "c.yaml").Problems);
    }

    [Theory]
    [InlineData("first: 1\nsecond: 2\n", "timeline t has no line that is understood, the first of them: t:1 a line begins with 'at'")]
    [InlineData("x\0y\nz\n", "timeline t cannot be read: it is no text")]
    public void Run_TimelineThatIsNone_IsTheOneError(string text, string problem)
    {
        _streamdiff.Folder.Write("t", text);
        var outcome = _streamdiff.Run("run", "-i", "test:scene", "-o", "null:", "--timeline", "t");
        Assert.StartsWith($"error: {problem}", Assert.Single(outcome.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("help", "unknown command 'help': did you mean '--help'?")]
    [InlineData("models", "a command is missing: list, show, check, pull, convert")]
    public void Streamdiff_CommandThatIsNone_SaysWhatThereIs(string command, string problem) =>
        Assert.Equal([$"error: {problem}"], _streamdiff.Run(command).Problems);
}
