using System.CommandLine;
using StreamDiff.Cli.Commands;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Transport.Media;

namespace StreamDiff.Cli.Tests.Commands;

/// <summary>What a command line and a configuration file come to, without running anything.</summary>
public sealed class RunCommandTests : IDisposable
{
    private readonly Streamdiff _streamdiff = new();

    public void Dispose() => _streamdiff.Dispose();

    [Fact]
    public void Options_NoneGiven_AreTheRecordsDefaults()
    {
        Assert.Equal(RestyleOptions.Of("test:scene", "null:"), Check().Options);
    }

    [Fact]
    public void Options_AllGiven_ReachTheRecord()
    {
        var check = Check(
            "--model", "tiny", "--prompt", "@ink", "--steps", "4", "--size", "640x352", "--fit", "letterbox", "--fps", "30000/1001",
            "--seed", "-7", "--mode", "sequential",
            "--rope", "published", "--noise-scale", "0.7", "--window", "5", "--sinks", "2", "--sink-threshold", "-1", "--vae", "taehv",
            "--device", "cuda:1", "--dtype", "bfloat16", "--precision", "fp8",
            "--threads", "3", "--codec", "libx265", "--quality", "23", "--preset", "fast", "--no-audio");
        Assert.Empty(check.Problems);
        var plain = RestyleOptions.Of("test:scene", "null:");
        var expected = plain with
        {
            Input = plain.Input with { Audio = false },
            Output = plain.Output with { Codec = "libx265", Quality = 23, Preset = "fast" },
            Sampling = new()
            {
                Prompt = "@ink",
                Steps = 4,
                Seed = -7,
                Mode = DenoisingMode.Sequential,
                Rope = RopeMode.Published,
                NoiseScale = 0.7,
                WindowFrames = 5,
                SinkFrames = 2,
                SinkThreshold = -1,
            },
            Frame = new() { Size = (640, 352), Fit = FitMode.Letterbox, Rate = new Rational(30000, 1001) },
            Compute = new()
            {
                Vae = "taehv",
                Device = DeviceName.Parse("cuda:1"),
                Type = ComputeType.Bfloat16,
                Precision = ComputePrecision.Fp8,
                Threads = 3,
            },
        };
        Assert.Equal(expected, check.Options);
    }

    [Theory]
    [InlineData("run.yaml", "steps: 3\nnoise_scale: 0.5 # looser\nprompt: 'a: b'\nfps: null\nsink-threshold: -1\naudio: no\n")]
    [InlineData(
        "run.json",
        "{\n\t\"steps\": 3,\n\t\"noise-scale\": 0.5,\n\t\"prompt\": \"a: b\",\n\t\"fps\": null,\n\t\"sink-threshold\": -1,\n\t\"audio\": "
            + "false\n}\n")]
    public void Config_File_SetsOptionsAndCommandLineWins(string name, string text)
    {
        var file = _streamdiff.Folder.Write(name, text);
        var check = Check("--config", file, "--steps", "1");
        Assert.Empty(check.Problems);
        var sampling = check.Options.Sampling;
        Assert.Equal((1, 0.5, "a: b", -1.0), (sampling.Steps, sampling.NoiseScale, sampling.Prompt, sampling.SinkThreshold));
        Assert.Equal((null, false), (check.Options.Frame.Rate, check.Options.Input.Audio));
    }

    [Theory]
    [InlineData("stpes: 3", "run.yaml:1 unknown option 'stpes': did you mean 'steps'?")]
    [InlineData("steps: 3\n\nsize: big", "FOLDERrun.yaml:3 size must be WIDTHxHEIGHT, such as 832x480, not 'big'")]
    [InlineData("steps: [1, 2]", "run.yaml:1 steps must be a single value")]
    [InlineData("- steps", "run.yaml:1 must be a list of 'option: value' lines")]
    [InlineData("steps: 1\nsteps: 2", "run.yaml:2 is not valid YAML")]
    [InlineData("steps: {", "is not valid YAML")]
    public void Config_WrongFile_SaysFileAndLine(string text, string says)
    {
        var file = _streamdiff.Folder.Write("run.yaml", text);
        var problem = Assert.Single(Check("--config", file).Problems);
        Assert.Contains(says.Replace("FOLDER", _streamdiff.Folder["x"][..^1], StringComparison.Ordinal), problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
    }

    [Fact]
    public void Config_MissingFile_IsAProblem() =>
        Assert.Equal(["config file /nowhere.yaml does not exist"], Check("--config", "/nowhere.yaml").Problems);

    [Fact]
    public void Config_EmptyFile_SetsNothing() =>
        Assert.Empty(Check("--config", _streamdiff.Folder.Write("run.yaml", "# nothing\n")).Problems);

    [Fact]
    public void Config_PromptOfTenThousandWords_IsTakenWithANote()
    {
        var check = Check("--prompt", string.Join(' ', Enumerable.Repeat("word", 10_000)));
        Assert.Empty(check.Problems);
        Assert.Contains(check.Notes, n => n.Contains("10000 words: tiny reads the first 95 tokens", StringComparison.Ordinal));
    }

    private static RestyleCheck Check(params string[] args)
    {
        var command = new RunCommand((_, _, _, _) => throw new InvalidOperationException("nothing may run"));
        var parse = new RootCommand { command }.Parse(
            ["run", "-i", "test:scene", "-o", "null:", .. args], new ParserConfiguration { ResponseFileTokenReplacer = null });
        Assert.Empty(parse.Errors);
        return command.Check(parse);
    }
}
