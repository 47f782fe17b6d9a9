using System.Diagnostics;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>
/// No command writes over what it reads, or twice into one file, and each says before it begins what it cannot write. Through the real
/// command: one line, exit code 2, and every file as it was.
/// </summary>
public sealed class FileRuleTests : IDisposable
{
    private const string Itself = "itself: it would be destroyed";
    private const string OneFile = "are one file: give each a name of its own";
    private readonly Streamdiff _streamdiff = new();

    public FileRuleTests()
    {
        foreach (var name in (string[])
        [
            "a.mp4", "a.png", "take.log", "changes", "ranks", "secret", "card.png", "show-0001.mkv", "before.json",
        ])
            _streamdiff.Folder.Write(name, name);
        _streamdiff.Folder.Write("options.yaml", "prompt: neon\n");
        _streamdiff.Folder.Write("ranks", "cpu\nsecret-file: secret\n");
        _streamdiff.Folder.Write("changes", "at 1 noise 0.5\n");
        _streamdiff.Folder.Write("sessions.yaml", """
            sessions:
              - {name: one, input: a.mp4, output: x.mkv}
              - {name: two, input: a.mp4, output: folder/../x.mkv}
            """);
        _streamdiff.Folder.Write("itself.yaml", """
            sessions:
              - {name: one, input: a.mp4, output: a.mp4}
              - {name: two, input: a.mp4, output: itself.yaml}
            """);
        _streamdiff.Folder.Write("segments.yaml", """
            sessions:
              - {name: one, input: a.mp4, output: show.mkv, segment-time: 5}
              - {name: two, input: a.mp4, output: show-0007.mkv}
            """);
        Directory.CreateDirectory(_streamdiff.Folder["folder"]);
        File.CreateSymbolicLink(_streamdiff.Folder["link.mp4"], "a.mp4");
        File.CreateSymbolicLink(_streamdiff.Folder["later.png"], "b.mp4");
        Hard("a.mp4", "hard.mp4");
        Hard("a.png", "hard.png");
        Hard("options.yaml", "hard.jpg");
    }

    public void Dispose() => _streamdiff.Dispose();

    [Theory]
    [InlineData("run -i a.mp4 -o hard.mp4", "output hard.mp4 is the input " + Itself)]
    [InlineData("timeline a.mp4 -o hard.mp4", "output hard.mp4 is the session log " + Itself)]
    [InlineData("run -i link.mp4 -o hard.mp4", "output hard.mp4 is the input " + Itself)]
    [InlineData("run -i a.png -o hard.png", "output hard.png is the input " + Itself)]
    [InlineData("run -i a.png -o b.mp4 --contact-sheet hard.png", "contact-sheet hard.png is the input " + Itself)]
    [InlineData("run -i a.mp4 -o b.png --contact-sheet b.png", "contact-sheet b.png and output b.png " + OneFile)]
    [InlineData("run -i a.mp4 -o b.mp4 --contact-sheet later.png", "contact-sheet later.png and output b.mp4 " + OneFile)]
    [InlineData("run -i a.mp4 -o b.mp4 --log hard.mp4", "log hard.mp4 is the input " + Itself)]
    [InlineData("run -i a.mp4 -o b.mp4 --log folder/../b.mp4", "log folder/../b.mp4 and output b.mp4 " + OneFile)]
    [InlineData("run -i a.mp4 -o b.mp4 --log s.png --contact-sheet ./s.png", "log s.png and contact-sheet ./s.png " + OneFile)]
    [InlineData("run -i a.mp4 -o b.mp4 --timeline changes --log ./changes", "log ./changes is the timeline " + Itself)]
    [InlineData(
        "run -i a.mp4 -o b.mp4 --config options.yaml --contact-sheet hard.jpg", "contact-sheet hard.jpg is the config file " + Itself)]
    [InlineData("run -i a.mp4 -o b.mp4 --ranks ranks --log ranks", "log ranks is the list of ranks " + Itself)]
    [InlineData("run -i a.mp4 -o b.mp4 --ranks ranks --log secret", "log secret is the ranks' secret-file " + Itself)]
    [InlineData("run -i a.mp4 -o hard.mp4 --live", "output hard.mp4 is the input " + Itself)]
    [InlineData("run -i a.mp4 -o x.mkv -o ./x.mkv -m passthrough", "output ./x.mkv and output x.mkv " + OneFile)]
    [InlineData("run -i show-0001.mkv -o show.mkv -m passthrough --segment-time 5",
        "input show-0001.mkv has a name that the numbered recordings of output show.mkv take: give one of them another")]
    [InlineData("run -i a.mp4 -o show.mkv -o show-0002.mkv -m passthrough",
        "output show-0002.mkv has a name that the numbered recordings of output show.mkv take: give one of them another")]
    [InlineData("run -i a.mp4 -o card.png -m passthrough --fallback card.png", "output card.png is the fallback " + Itself)]
    [InlineData(
        "serve --config sessions.yaml", "sessions.yaml output folder/../x.mkv of session two and output x.mkv of session one " + OneFile)]
    [InlineData("serve --config itself.yaml", "itself.yaml:2 output a.mp4 is the input " + Itself)]
    [InlineData("serve --config itself.yaml", "itself.yaml:3 output itself.yaml is the sessions file " + Itself)]
    [InlineData(
        "serve --config segments.yaml",
        "segments.yaml output show-0007.mkv of session two has a name that the numbered recordings of output show.mkv of session one "
            + "take: give one of them another")]
    [InlineData("simulate --device before.json --json ./before.json", "json ./before.json is the device file " + Itself)]
    [InlineData("calibrate --json p.json --device-file ./p.json", "device-file ./p.json and json p.json " + OneFile)]
    public void Command_WritesWhatItReadsOrTwice_IsRefused(string command, string problem) => AssertRefused(command, problem);

    [Theory]
    [InlineData("run -i test:scene -o no/b.mp4", "the folder of output no/b.mp4 does not exist")]
    [InlineData("run -i test:scene -o null: --contact-sheet no/s.png", "the folder of contact-sheet no/s.png does not exist")]
    [InlineData("run -i test:scene -o null: --contact-sheet a.mp4/s.png",
        "contact-sheet a.mp4/s.png cannot be written: {0}/a.mp4 is a file, not a folder")]
    [InlineData(
        "run -i test:scene -o null: --contact-sheet /proc/s.png", "contact-sheet /proc/s.png cannot be written: No such file or directory")]
    [InlineData("run -i test:scene -o null: --contact-sheet folder", "contact-sheet folder is a folder, not a file")]
    [InlineData("run -i test:scene -o null: --contact-sheet s.bmp", "contact-sheet s.bmp must end in .png, .jpg or .jpeg")]
    [InlineData("run -i test:scene -o null: --log /proc/take.log", "log /proc/take.log cannot be written: No such file or directory")]
    [InlineData("run -i test:scene -o /proc/x.mkv -m passthrough", "output /proc/x.mkv cannot be written: No such file or directory")]
    [InlineData("run -i test:scene -o b.png --codec libx264",
        "Output 'b.png' is a still, which has no video codec: leave codec libx264 out, or name a video such as b.mp4.")]
    [InlineData("simulate --json folder", "json folder is a folder, not a file")]
    [InlineData("calibrate --output a.mp4", "output a.mp4 cannot be written: {0}/a.mp4 is a file, not a folder")]
    [InlineData("calibrate --device-file /proc/d.json", "device-file /proc/d.json cannot be written: No such file or directory")]
    public void Command_CannotWrite_SaysSoBeforeItBegins(string command, string problem) =>
        AssertRefused(command, string.Format(null, problem, _streamdiff.Folder[[]].TrimEnd('/')));

    [Fact]
    public void Run_PlaylistInAFolderThatIsNot_IsOneLine() => Assert.Equal(
        "error: the folder of output no/b.m3u8 does not exist",
        Assert.Single(_streamdiff.Run("run", "-i", "test:scene", "-o", "hls:no/b.m3u8").Problems));

    [Fact]
    public void Run_ContactSheet_IsOfTheKindThatItsNameSays() => Run_ContactSheetOfAKind_IsOfTheKindThatItsNameSays("a.jpg", "mjpeg");

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData("a.png", "png")]
    public void Run_ContactSheetOfAKind_IsOfTheKindThatItsNameSays(string name, string codec)
    {
        File.Delete(_streamdiff.Folder["a.png"]);
        Assert.Equal(0, _streamdiff.Run("run", "-i", "test:scene?size=64x64&rate=5&duration=1", "-o", "null:", "--size", "64x64", "--steps",
            "1", "--contact-sheet", name).ExitCode);
        Assert.Equal(codec,
            Probe("ffprobe", "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", _streamdiff.Folder[name]).Trim());
    }

    [Fact]
    public void Run_StillInStillOut_IsRestyledAndReplacesOnlyItsOwnName()
    {
        Probe("ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=96x64", "-frames:v", "1", _streamdiff.Folder["photo.jpg"]);
        var old = _streamdiff.Folder.Write("out.png", "old");
        Hard("out.png", "kept");
        var outcome = _streamdiff.Run("run", "-i", "photo.jpg", "-o", "out.png", "--size", "96x64", "--steps", "1", "-p", "a mosaic");
        Assert.Equal((0, ""), (outcome.ExitCode, string.Concat(outcome.Problems)));
        Assert.Equal(
            "png,96,64", Probe("ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of", "csv=p=0", old).Trim());
        Assert.Equal("old", File.ReadAllText(_streamdiff.Folder["kept"]));
    }

    [Fact]
    public void Run_VideoIntoAStill_SaysWhatToDoAndKeepsTheOlderFile()
    {
        var before = Contents();
        var outcome = _streamdiff.Run(
            "run", "-i", "test:scene?size=64x64&rate=5&duration=1", "-o", "a.png", "--size", "64x64", "--steps", "1");
        Assert.Equal(1, outcome.ExitCode);
        Assert.Contains(
            "holds one frame, the input has more: name a video such as a.mp4", Assert.Single(outcome.Problems), StringComparison.Ordinal);
        Assert.Equal(before, Contents());
    }

    private void AssertRefused(string command, string problem)
    {
        var before = Contents();
        var outcome = _streamdiff.Run(command.Split(' '));
        Assert.Contains($"error: {problem}", outcome.Problems);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal(before, Contents());
    }

    private string[] Contents() => [.. Directory.GetFiles(_streamdiff.Folder[[]]).Order(StringComparer.Ordinal)
        .Select(f => $"{f}: {new FileInfo(f).LinkTarget ?? File.ReadAllText(f)}")];

    private void Hard(string name, string link) => Probe("ln", _streamdiff.Folder[name], _streamdiff.Folder[link]);

    private static string Probe(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardInput = true })!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed");
    }
}
