using StreamDiff.Cli.Options;
using StreamDiff.Models.Registry;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Plan;

namespace StreamDiff.Cli.Tests.Options;

/// <summary>The options of a run, of a server and of its sessions, by their names.</summary>
public sealed class RunOptionsTests
{
    private static readonly RestyleOptions Plain = RestyleOptions.Of("test:scene", "null:");

    [Fact]
    public void Find_EverySpelling_GivesTheSameOption()
    {
        var option = OptionTable.Find("noise-scale")!;
        Assert.Equal(("noise-scale", "noiseScale", "Sampling", OptionKind.Number), (option.Name, option.Key, option.Group, option.Kind));
        Assert.Equal((0.1, 1), (option.Limits!.Min, option.Limits.Max));
        Assert.Same(option, OptionTable.Find("noiseScale"));
        Assert.Same(option, OptionTable.Find("noise_scale"));
        Assert.Equal(["crop", "letterbox", "stretch"], OptionTable.Find("fit")!.Choices);
        Assert.Null(OptionTable.Find("noise"));
    }

    [Theory]
    [InlineData("auto", null, 1000)]
    [InlineData("auto", 400, 200)]
    [InlineData("0", 400, 0)]
    [InlineData("2500", null, 2500)]
    public void Jitter_AutoOrANumber_IsTheMostThatIsHeld(string text, int? deadline, int most)
    {
        var given = new GivenOptions(OptionUse.Run);
        given.Give("jitter", [text]);
        if (deadline is not null)
            given.Give("deadline", [$"{deadline}"]);
        Assert.Equal(most, given.Read(Plain).Live.MostJitter.TotalMilliseconds);
    }

    [Fact]
    public void All_Options_HaveNamesOfTheirOwnAndReadWhatTheyShow()
    {
        Assert.Equal(OptionTable.All.Count, OptionTable.All.Select(o => o.Name).Distinct().Count());
        var given = new GivenOptions(OptionUse.Run);
        foreach (var (option, texts) in OptionTable.Values(Everything))
            given.Give(option.Key, texts ?? throw new InvalidOperationException($"{option.Name} has no value in this test"));
        Assert.Empty(given.Problems);
        Assert.Equal(Everything, given.Read(new RestyleOptions()));
    }

    [Fact]
    public void Lines_EffectiveOptions_AreAConfigurationFileOfTheSameRun()
    {
        var options = Everything with { Sampling = Everything.Sampling with { Prompt = "say \"a: b\"\n#c" } };
        var file = Path.GetTempFileName();
        File.WriteAllLines(file, EffectiveOptions.Lines(options, new GivenOptions(OptionUse.Run)));
        var again = new GivenOptions(OptionUse.Run);
        ConfigFile.Read(file, again);
        File.Delete(file);
        Assert.Empty(again.Problems);
        Assert.Equal(options, again.Read(new RestyleOptions()));
    }

    [Fact]
    public void Give_WrongValues_AreToldTogetherWithTheirPlacesAndOptions()
    {
        var given = new GivenOptions(OptionUse.Session);
        given.Give("noiseScale", ["7"], "s.yaml:2");
        given.Give("steps", ["1", "2"], "s.yaml:3");
        given.Give("deadline", ["1e3"], "s.yaml:4");
        given.Give("device", ["cpu"], "s.yaml:5");
        given.Give("contact-sheet", ["a.png"], "s.yaml:6");
        given.Give("fsp", ["30"], "s.yaml:7");
        given.Give("ladder", ["drop", "lower-fps"], "s.yaml:8");
        Assert.Equal(
            [
                ("s.yaml:2 noise-scale must be from 0.1 to 1, not 7", "noiseScale"),
                ("s.yaml:3 steps must be a single value", "steps"),
                ("s.yaml:4 deadline must be a number, not '1e3'", "deadline"),
                ("s.yaml:5 device is the whole server's: give it outside of the sessions", null),
                ("s.yaml:6 contact-sheet is no option of a session", null),
                ("s.yaml:7 fsp is no option of a session: did you mean 'fps'?", null),
            ], given.Problems.Select(p => (p.At(), p.Option?.Key)));
        // What is right is taken.
        Assert.Equal(2, given.Read(new SessionOptions()).Ladder.Count);
        Assert.Equal(2, given.Read(new SamplingOptions()).Steps);
    }

    [Fact]
    public void Give_Again_TheLaterValueCountsAndItsProblemsToo()
    {
        var given = new GivenOptions(OptionUse.Run);
        given.Give("steps", ["many"], "run.yaml:1");
        given.Give("steps", ["3"]);
        given.Give("seed", ["3"], "run.yaml:2");
        given.Give("seed", ["x"]);
        Assert.Equal(["seed must be a whole number of at most 64 bits, not 'x'"], given.Problems.Select(p => p.At()));
        Assert.Equal((3, 0), (given.Read(new SamplingOptions()).Steps, given.Read(new SamplingOptions()).Seed));
    }

    [Fact]
    public void Check_RecordsMadeInCode_AreHeldToTheLimitsOfTheirProperties()
    {
        var check = RestyleOptionsValidator.Check(Plain with
        {
            Sampling = new() { Steps = 9, NoiseScale = double.NaN, SinkThreshold = -2 },
            Input = Plain.Input with { Duration = TimeSpan.Zero },
            Output = Plain.Output with { Quality = 64 },
            Compute = new() { Threads = 0 },
        }, new ModelCatalog());
        Assert.Equal(
            [
                "duration must be above 0 seconds, not 0", "quality must be from 0 to 63, not 64",
                "threads must be from 1 to 1024, not 0", "steps must be from 1 to 4, not 9",
                "noise-scale must be from 0.1 to 1, not NaN", "sink-threshold must be from -1 to 1, not -2",
            ], check.Problems);
    }

    [Fact]
    public void Read_ASession_MakesItsPlanOrTellsAllProblems()
    {
        var given = new GivenOptions(OptionUse.Session);
        foreach (var (name, text) in new[]
        {
            ("name", "one"), ("input", "test:scene"), ("prompt", "neon"), ("deadline", "250"), ("fps", "12.5"), ("weight", "3"),
            ("firstFrame", "900"),
        })
            given.Give(name, [text]);
        given.Give("output", ["null:", "udp://127.0.0.1:5000"]);
        var plan = SessionReader.Read(new RestyleOptions { Sampling = new() { Steps = 1 } }, given).Plan!;
        var options = plan.Options;
        Assert.Equal(("one", 1, "neon", 2, true),
            (plan.Name, options.Sampling.Steps, options.Sampling.Prompt, options.Output.Addresses.Count, options.IsLive));
        Assert.Equal((TimeSpan.FromMilliseconds(250), 12.5, 3, TimeSpan.FromMilliseconds(900)),
            (plan.Slo.Deadline, plan.Slo.TargetFps, plan.Slo.Weight, plan.Slo.FirstFrameLimit));

        var check = SessionReader.Read(new RestyleOptions { Sampling = new() { WindowFrames = 2 } }, new GivenOptions(OptionUse.Session));
        Assert.Null(check.Plan);
        Assert.Equal(
            [
                ("needs a name without spaces", null), ("input is missing: give --input FILE or an address", "input"),
                ("output is missing: give --output FILE or an address", "output"),
                ("sinks (3, the model's default) must be less than window (2)", "sinks"),
            ], check.Problems.Select(p => (p.Text, p.Option?.Key)));
    }

    [Theory]
    [InlineData("640x350", 640, 336, true)]
    [InlineData("640x352", 640, 352, false)]
    [InlineData("1x9", 64, 64, true)]
    public void Size_AnySize_BecomesAMultipleOfSixteenWithANote(string size, int width, int height, bool note)
    {
        var check = RestyleOptionsValidator.Check(Given("size", size, out _), new ModelCatalog());
        Assert.Empty(check.Problems);
        Assert.Equal((width, height), check.Options.Frame.Size);
        Assert.Equal(note, check.Notes.Any(n => n.Contains($"size {width}x{height} is used instead of {size}", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("25")]
    [InlineData("23.976")]
    [InlineData("30000/1001")]
    public void Fps_RightForms_ArePossible(string fps)
    {
        Assert.NotNull(Given("fps", fps, out var problems).Frame.Rate);
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-25")]
    [InlineData("abc")]
    [InlineData("30/")]
    [InlineData("5000/1")]
    [InlineData("")]
    public void Fps_WrongForms_AreProblems(string fps)
    {
        Given("fps", fps, out var problems);
        Assert.StartsWith("fps must be a number or a fraction such as 30, 23.976 or 30000/1001, not ", Assert.Single(problems).Text,
            StringComparison.Ordinal);
    }

    private static RestyleOptions Everything => new()
    {
        Input = RestyleOptions.Of("rtmp://host/app/key").Input with
        {
            Start = TimeSpan.FromSeconds(1.25),
            Duration = TimeSpan.FromSeconds(3),
            Audio = false,
            WaitForSource = TimeSpan.MaxValue,
            SourceGone = TimeSpan.FromMinutes(1),
        },
        Output = RestyleOptions.Of("", "null:", "out, 2.mp4").Output with
        {
            Codec = "libx265",
            Quality = 0,
            Preset = "fast",
            BitRate = 4000,
            SegmentTime = TimeSpan.FromMinutes(1),
            ContactSheet = "sheet.png",
        },
        Sampling = new()
        {
            Prompt = "null",
            Steps = 4,
            Seed = long.MinValue,
            Mode = DenoisingMode.TextToVideo,
            Rope = RopeMode.Published,
            NoiseScale = 0.7,
            WindowFrames = 5,
            SinkFrames = 2,
            SinkThreshold = -1,
        },
        Frame = new() { Size = (640, 352), Fit = Transport.Media.FitMode.Letterbox, Rate = new(30000, 1001) },
        Compute = new()
        {
            Model = "./mine",
            Vae = "wan",
            Device = DeviceName.Parse("cuda:1"),
            Ranks = RankList.Parse("cuda:0,host:7000"),
            VaeDevice = VaeDevices.Find("cuda:2,cuda:3"),
            Type = ComputeType.Bfloat16,
            Precision = ComputePrecision.Fp8,
            Threads = 3,
            Loras = [new("ink.safetensors", 0.5), new("my wash.safetensors", -1)],
            LoraLive = true,
        },
        Live = new()
        {
            IsAsked = true,
            Deadline = TimeSpan.FromMilliseconds(250.5),
            Jitter = TimeSpan.FromMilliseconds(300),
            Fallback = "slate",
        },
        Control = new()
        {
            Timeline = "t.txt",
            Control = "stdin",
            Osc = "9000",
            OscTo = "192.168.0.7:9001",
            Midi = "any",
            Log = "take.log",
        },
    };

    private static RestyleOptions Given(string name, string text, out IReadOnlyList<OptionProblem> problems)
    {
        var given = new GivenOptions(OptionUse.Run);
        given.Give(name, [text]);
        problems = given.Problems;
        return given.Read(Plain);
    }
}
