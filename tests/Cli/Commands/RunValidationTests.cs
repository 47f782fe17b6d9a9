using StreamDiff.CommandLine;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>Wrong options, given to the real command: one line each, all together, exit code 2.</summary>
public sealed class RunValidationTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void Run_NothingGiven_AsksForInputAndOutput() =>
        AssertProblems(_streamdiff.Run("run"), "input is missing: give --input FILE", "output is missing: give --output FILE");

    [Fact]
    public void Run_EverythingWrong_IsToldTogether() => AssertProblems(
        _streamdiff.Run(
            "run", "--input", "no.mp4", "--output", "nowhere/out.mp4", "--steps", "5", "--size", "0x480", "--fit", "squash", "--fps",
            "30/0", "--mode", "fast", "--rope", "published",
            "--noise-scale", "2", "--window", "60", "--sinks", "60", "--sink-threshold", "3", "--vae", "wan", "--device", "gpu", "--dtype",
            "f16", "--threads", "0", "--quality", "x",
            "--audio", "true", "--no-audio", "--setps", "2"),
        "unknown option '--setps': did you mean '--steps'?",
        "quality must be a whole number, not 'x'",
        "device must be auto, cpu, cuda or cuda:N, not gpu",
        "dtype must be auto, float32 or bfloat16, not f16",
        "threads must be from 1 to 1024, not 0",
        "steps must be from 1 to 4, not 5",
        "noise-scale must be from 0.1 to 1, not 2",
        "mode must be stream-batch or sequential or text-to-video, not 'fast'",
        "sink-threshold must be from -1 to 1, not 3",
        "fit must be crop, letterbox or stretch, not squash",
        "fps must be a number or a fraction such as 30, 23.976 or 30000/1001, not 30/0",
        "--audio and --no-audio contradict each other",
        "input no.mp4 does not exist",
        "the folder of output nowhere/out.mp4 does not exist",
        "sinks (60) must be less than window (60)",
        "rope published needs a window below 50 latent frames, not 60: use rope relative",
        "model tiny has no wan vae: it offers taehv",
        "size must be from 1 to 8192 pixels each way, not 0x480");

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("5")]
    public void Run_StepsOutsideOneToFour_IsAProblem(string steps) =>
        AssertProblems(Run("--steps", steps), $"steps must be from 1 to 4, not {steps}");

    [Fact]
    [Trait("Category", "Slow")]
    public void Run_Float8WhereNothingMultipliesIt_SaysWhatDoes()
    {
        AssertProblems(Run("--precision", "half"), "precision must be auto or fp8, not half");
        var outcome = Run("--precision", "fp8", "--device", "cpu");
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Equal(["error: --precision fp8: cpu does not multiply float8; NVIDIA GPUs since 2022 do"], outcome.Problems);
    }

    [Fact]
    public void Run_SinksOfTheModelDoNotFitTheWindow_SaysWhoseTheyAre() =>
        AssertProblems(Run("--window", "3"), "sinks (3, the model's default) must be less than window (3)");

    [Fact]
    public void Run_ModeThatTheModelWasNotMadeFor_IsRefusedWithThoseThatCan() => AssertProblems(
        Run("--mode", "text-to-video"),
        "model tiny was made for mode stream-batch or sequential and cannot do text-to-video: wan2.1-t2v-1.3b-streamdiffusionv2, "
            + "wan2.1-t2v-14b-streamdiffusionv2 can");

    [Fact]
    public void Run_UnknownModel_ListsTheKnownOnes()
    {
        var outcome = Run("--model", "huge");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Contains("unknown model 'huge': there are tiny, wan2.1-t2v-1.3b-streamdiffusionv2", Assert.Single(outcome.Problems),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ModelNotDownloaded_SaysHowToGetIt()
    {
        var problem = Assert.Single(Run("--model", "wan2.1-t2v-1.3b-streamdiffusionv2").Problems);
        Assert.EndsWith(": streamdiff models pull wan2.1-t2v-1.3b-streamdiffusionv2", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_ModelDescriptionDamaged_NamesFileAndKey()
    {
        _streamdiff.Folder.Write("mine/model.json", "{}");
        var problem = Assert.Single(Run("--model", "./mine").Problems);
        Assert.Contains("mine/model.json: missing key description; missing key dit;", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OutputIsInput_IsRefused()
    {
        var file = _streamdiff.Folder.Write("clip.mp4", "x");
        File.CreateSymbolicLink(_streamdiff.Folder["same.mp4"], file);
        AssertProblems(
            _streamdiff.Run("run", "-i", "clip.mp4", "-o", "same.mp4"), "output same.mp4 is the input itself: it would be destroyed");
    }

    [Fact]
    public void Run_InputIsEmptyOrFolder_SaysSo()
    {
        _streamdiff.Folder.Write("empty.mp4", "");
        Directory.CreateDirectory(_streamdiff.Folder["folder"]);
        AssertProblems(_streamdiff.Run("run", "-i", "empty.mp4", "-o", "null:"), "input empty.mp4 is empty");
        AssertProblems(_streamdiff.Run("run", "-i", "folder", "-o", "folder"), "input folder is a folder, not a video file",
            "output folder is a folder, not a file");
    }

    [Fact]
    public void Run_OutputWithoutExtension_SaysWhatItIsFor() =>
        AssertProblems(_streamdiff.Run("run", "-i", "test:scene", "-o", "out"),
            "output out needs an extension that names the container, such as .mp4 or .mkv");

    [Fact]
    public void Run_OptionGivenTwice_SaysSoAndTakesTheFirst() =>
        AssertProblems(Run("--steps", "9", "--steps", "2", "-i", "other.mp4"), "--input was given 2 times: give it once",
            "--steps was given 2 times: give it once", "steps must be from 1 to 4, not 9");

    [Theory]
    [InlineData("out.xyz", "libx264", "fast",
        "Output 'out.xyz' cannot be written: '.xyz' is no video container; use .mp4, .mov, .mkv, .webm, .ts, .avi or .gif.")]
    [InlineData("out.mp4", "libx999", "fast",
        "Video codec 'libx999' is not in this FFmpeg: use libx264 or another encoder that 'ffmpeg -encoders' lists.")]
    [InlineData("out.webm", "libx264", "fast",
        "Output 'out.webm': webm cannot hold h264 video; use the codec libvpx-vp9, or give the file another extension such as .mkv.")]
    [InlineData("out.mp4", "libx264", "warp",
        "Preset 'warp' is unknown: use one of ultrafast, superfast, veryfast, faster, fast, medium, slow, slower, veryslow.")]
    public void Run_EncodingThatCannotBe_IsToldWithTheRestBeforeAnythingIsLoaded(string output, string codec, string preset, string says) =>
        AssertProblems(
        _streamdiff.Run("run", "-i", "test:scene", "-o", output, "--codec", codec, "--preset", preset, "--steps", "9"),
        "steps must be from 1 to 4, not 9", says);

    [Fact]
    public void Run_OutputCannotBeWritten_IsOneLineAndLeavesTheInputAlone()
    {
        // Nobody may create a file there, not even the superuser.
        var outcome = _streamdiff.Run("run", "-i", "test:scene?duration=1", "-o", "/proc/out.mp4", "--size", "64x64");
        Assert.NotEqual(0, outcome.ExitCode);
        Assert.Contains("/proc/out.mp4", Assert.Single(outcome.Problems), StringComparison.Ordinal);
        Assert.Contains("cannot be written", outcome.Problems[0], StringComparison.Ordinal);
    }

    [Fact]
    public void Run_OptionWithoutValue_IsToldWithTheRest()
    {
        var outcome = _streamdiff.Run("run", "-o", "null:", "--steps", "9", "--config");
        Assert.Equal(2, outcome.ExitCode);
        Assert.Equal(3, outcome.Problems.Length);
    }

    private Streamdiff.Outcome Run(params string[] args) => _streamdiff.Run(["run", "-i", "test:scene", "-o", "null:", .. args]);

    private static void AssertProblems(Streamdiff.Outcome outcome, params string[] problems)
    {
        Assert.Equal(problems.Select(p => $"error: {p}"), outcome.Problems);
        Assert.Equal("see: streamdiff run --help", outcome.ErrorLines[^1]);
        Assert.Equal(2, outcome.ExitCode);
        Assert.Empty(outcome.Output);
    }
}
