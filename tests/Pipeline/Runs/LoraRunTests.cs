using StreamDiff.Models.Loading;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Checks;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Logs;
using StreamDiff.Pipeline.Control.Steering;
using StreamDiff.Pipeline.Host;
using StreamDiff.Pipeline.Loading;
using StreamDiff.Pipeline.Plan;
using StreamDiff.Pipeline.Runs;
using StreamDiff.Pipeline.Telemetry;
using StreamDiff.Pipeline.Tests.Host;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Testing;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Runs;

/// <summary>LoRAs on every way that a stream takes through the shipped model.</summary>
public sealed class LoraRunTests : IDisposable
{
    private const string Timeline = """
        at frame 9   lora ink 0.8
        at frame 13  lora ink 0.2
        at frame 17  lora wash -0.5
        at frame 21  prompt "neon" blend 2
        at frame 25  lora ink 0
        at frame 29  steps 3
        at frame 33  lora wash 0
        at frame 37  lora ink 0.8
        """;

    private readonly TestFolder _folder = new();

    public LoraRunTests()
    {
        using var scope = NewDisposeScope();
        var shapes = CausalWanModel.Shapes(ModelBundle.TransformerConfig(new ModelCatalog().Find("tiny").Config));
        LoraFiles.Write(_folder.File("ink.safetensors"), LoraSpellings.Kohya, shapes, seed: 1);
        LoraFiles.Write(_folder.File("wash.safetensors"), LoraSpellings.Diffusers, shapes, seed: 2);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    [Trait("Category", "Slow")]
    public void Strengths_ZeroIsTheModelWithoutThem_AndLiveIsMergedBitForBit()
    {
        var plain = Pixels(Run(Options("plain")));
        Assert.Equal(plain, Pixels(Run(With(Options("zero"), false, ("ink", 0), ("wash", 0)))));
        Assert.Equal(plain, Pixels(Run(With(Options("live"), true, ("ink", 0), ("wash", 0)))));
        var merged = Pixels(Run(With(Options("merged"), false, ("ink", 0.8), ("wash", -0.5))));
        Assert.NotEqual(plain, merged);
        Assert.Equal(merged, Pixels(Run(With(Options("begun"), true, ("ink", 0.8), ("wash", -0.5)))));
        // Set before the first frame, whatever it was loaded with.
        File.WriteAllText(_folder.File("timeline"), "at chunk 0 lora ink 0.8\nat chunk 0 lora wash -0.5");
        Assert.Equal(merged, Pixels(Run(With(Options("set"), true, ("ink", 3), ("wash", 0)).With($"timeline {_folder.File("timeline")}"))));
    }

    [Theory]
    [Trait("Category", "Slow")]
    [InlineData(DenoisingMode.StreamBatch)]
    [InlineData(DenoisingMode.Sequential)]
    public void Timeline_StrengthsChange_OnlyFromTheirChunkOnAndReplayIsBitForBit(DenoisingMode mode)
    {
        File.WriteAllText(_folder.File("timeline"), Timeline);
        var options = With(Options("a"), true, ("ink", 0), ("wash", 0)).With(
            $"mode {OptionText.Word(mode)}", $"timeline {_folder.File("timeline")}", $"log {_folder.File("log")}");
        Run(options);
        var log = SessionLog.Read(_folder.File("log"));
        Assert.Equal(8, log.Changes.Count);
        Assert.Equal("lora ink 0.8", log.Changes[0].Change.ToString());

        // Chunks before the first change are those of the model without LoRAs.
        var plain = Options("plain").With($"mode {OptionText.Word(mode)}", $"log {_folder.File("plain")}");
        Run(plain);
        var (expected, actual) = (SessionLog.Read(_folder.File("plain")).Chunks, log.Chunks);
        var first = (int)log.Changes[0].Chunk;
        Assert.Equal(expected.Take(first).Select(c => c.Digest), actual.Take(first).Select(c => c.Digest));
        Assert.NotEqual(expected[first].Digest, actual[first].Digest);

        var replay = LogReplay.Open(_folder.File("log"));
        using var session = replay.Begin(replay.Options(options.Input.Address.Text, [_folder.File("b.mkv")]).With("codec ffv1"));
        Run(session.Options, session.Controls);
        Assert.Contains("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
        Assert.Equal(Pixels(options.File()), Pixels(session.Options.File()));

        // Other contents under the same name are told of.
        var catalog = new ModelCatalog();
        Assert.DoesNotContain(replay.Notes(replay.Options("x", ["y"]), catalog.Find("tiny")),
            n => n.Contains("weights", StringComparison.Ordinal));
        File.Copy(_folder.File("wash.safetensors"), _folder.File("ink.safetensors"), overwrite: true);
        Assert.Contains(replay.Notes(replay.Options("x", ["y"]), catalog.Find("tiny")),
            n => n.Contains("the weights of tiny are not those of the session", StringComparison.Ordinal));
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Ranks_StrengthsChange_GiveTheFramesOfOneDeviceAndReplayBitForBit()
    {
        File.WriteAllText(_folder.File("timeline"), Timeline);
        var one = With(Options("one"), true, ("ink", 0), ("wash", 0)).With(
            "dtype float32", "mode sequential", $"timeline {_folder.File("timeline")}");
        var ranks = With(Options("ranks"), true, ("ink", 0), ("wash", 0)).With(
            "dtype float32", "mode sequential", $"timeline {_folder.File("timeline")}", "ranks cpu,cpu", $"log {_folder.File("log")}");
        AssertAlike(Run(one), Run(ranks));
        var replay = LogReplay.Open(_folder.File("log"));
        using var session = replay.Begin(replay.Options(ranks.Input.Address.Text, [_folder.File("again.mkv")]).With("codec ffv1"));
        Run(session.Options, session.Controls);
        Assert.Contains("identical to the session bit for bit", session.Compare().Text, StringComparison.Ordinal);
        // Merged: the blocks of every rank have it.
        AssertAlike(
            Run(With(Options("m1"), false, ("ink", 0.8)).With("dtype float32", "mode sequential")),
            Run(With(Options("m2"), false, ("ink", 0.8)).With("dtype float32", "mode sequential", "ranks cpu,cpu")));
    }

    // Navy over coral to cream: red leads, as it does in no picture of the input.
    [Fact]
    [Trait("Category", "Slow")]
    public void TheExample_FitsTheModelAndGivesItsColours()
    {
        var model = new ModelCatalog().Find("tiny");
        var file = Path.Combine(model.Folder, "loras", "dusk.safetensors");
        Assert.InRange(new FileInfo(file).Length, 1, 400_000);
        using (var loras = LoraReport.Open([new LoraChoice(file)], isLive: false, model))
            Assert.Empty(loras.Loras[0].Troubles);
        double RedOverGreen(double strength)
        {
            var options = Options($"example {strength}") with
            {
                Compute = Options("").Compute with { Loras = [new LoraChoice(file, strength)] },
            };
            options = options.With("prompt dusk", $"output {_folder.File("example.mkv")}");
            Run(options);
            var raw = _folder.File("mean.rgb");
            TestFolder.Command("ffmpeg", $"-v error -y -i {options.File()} -vf scale=1:1 -frames:v 1 -f rawvideo -pix_fmt rgb24 {raw}");
            var bytes = File.ReadAllBytes(raw);
            return bytes[0] - bytes[1];
        }
        Assert.InRange(RedOverGreen(1) - RedOverGreen(0), 30, 200);
    }

    [Fact]
    public async Task Sessions_OfOneModel_EachHaveTheirOwnStrengths()
    {
        using var inference = inference_mode();
        using var model = LoadedModel.Open(TestOptions.OneThread with
        {
            Loras = [new LoraChoice(_folder.File("ink.safetensors"), 0)],
            LoraLive = true,
        });
        using var frames = new FramePool();
        var alone = new List<GivenFrames>();
        foreach (var strength in (double[])[0, 0.8])
        {
            using var host = new SessionHost(model, new HostOptions(), TinyModel.Together(), new LiveClock(TimeProvider.System));
            var given = new GivenFrames();
            using var session = host.Start(Request($"alone {strength}", strength), given.Add);
            Feed(session, frames);
            session.Finish();
            await session.Completed.WaitAsync(TinyModel.Patience);
            alone.Add(given);
        }
        Assert.False(alone[0].IsSameAs(alone[1]));

        using var both = new SessionHost(model, new HostOptions(), TinyModel.Together(), new LiveClock(TimeProvider.System));
        GivenFrames[] together = [new(), new()];
        using var one = both.Start(Request("one", 0), together[0].Add);
        using var other = both.Start(Request("other", 0.8), together[1].Add);
        Feed(one, frames);
        Feed(other, frames);
        one.Finish();
        other.Finish();
        await one.Completed.WaitAsync(TinyModel.Patience);
        await other.Completed.WaitAsync(TinyModel.Patience);
        together[0].AssertSame(alone[0]);
        together[1].AssertSame(alone[1]);
    }

    [Fact]
    public void WhatCannotBe_IsAProblemBeforeAnythingIsLoaded()
    {
        string[] Problems(RestyleOptions options) => [.. RestyleOptionsValidator.Check(options, new ModelCatalog()).Problems];
        Assert.Empty(Problems(With(Options("a"), false, ("ink", 1), ("wash", 1))));
        Assert.Contains("does not exist", Assert.Single(Problems(With(Options("a"), false, ("none", 1)))), StringComparison.Ordinal);
        Assert.Contains("have one name, ink", Assert.Single(Problems(With(Options("a"), false, ("ink", 1), ("ink", 0.5)))),
            StringComparison.Ordinal);
        Assert.Contains("lora-live has an effect with lora only", Problems(Options("a").With("lora-live true")));
        Assert.Contains(Problems(With(Options("a"), false, ("ink", 1)).With("model passthrough")),
            p => p.Contains("passthrough has none", StringComparison.Ordinal));
        // An output never takes the place of a LoRA.
        Assert.NotEmpty(Problems(With(Options("a"), false, ("ink", 1)).With($"output {_folder.File("ink.safetensors")}")));

        File.WriteAllText(_folder.File("timeline"), "at 1 lora ink 0.5");
        string Refusal(RestyleOptions options) =>
            Assert.Single(Problems(options.With($"timeline {_folder.File("timeline")}")));
        Assert.Contains("there is no lora: --lora", Refusal(Options("a")), StringComparison.Ordinal);
        Assert.Contains("--lora-live keeps them changeable", Refusal(With(Options("a"), false, ("ink", 1))), StringComparison.Ordinal);
        Assert.Contains(
            "there is no lora named ink: there is wash", Refusal(With(Options("a"), true, ("wash", 1))), StringComparison.Ordinal);
    }

    private RestyleOptions With(RestyleOptions options, bool isLive, params (string Name, double Strength)[] loras) => options with
    {
        Compute = options.Compute with
        {
            Loras = new(loras.Select(l => new LoraChoice(_folder.File($"{l.Name}.safetensors"), l.Strength))),
            LoraLive = isLive,
        },
    };

    private RestyleOptions Options(string name) =>
        RestyleOptions.Of("test:testsrc2?size=64x64&rate=37&duration=1.2", _folder.File($"{name}.mkv"))
            .With("prompt a watercolor", "size 64x64", "codec ffv1", "threads 1");

    private static string Run(RestyleOptions options, StreamControls? controls = null)
    {
        FileRestyle.Run(options, controls, new Quiet(), CancellationToken.None);
        return options.File();
    }

    private static SessionRequest Request(string name, double strength) => TinyModel.Patient(name.Replace(' ', '-')) with
    {
        Controls = new StreamControls(
            new Timeline([new TimelineEntry(new TimelinePoint(Chunk: 0), new LoraChange("ink", strength))]), isOpenEnded: false),
    };

    private static void Feed(Session session, FramePool pool)
    {
        for (var i = 0; i < 21; i++)
        {
            var frame = VideoFrame.Rent(pool, session.Size.Width, session.Size.Height);
            for (var p = 0; p < frame.Pixels.Length; p++)
                frame.Pixels[p] = (byte)(p / 7 + 3 * i);
            session.Offer(frame, TimeSpan.FromMilliseconds(60 * i));
        }
    }

    private static byte[] Pixels(string file) => TestFolder.Pixels(file);

    private static void AssertAlike(string expected, string actual)
    {
        var (a, b) = (Pixels(expected), Pixels(actual));
        Assert.Equal(a.Length, b.Length);
        Assert.InRange(a.Zip(b, (x, y) => Math.Abs(x - y)).Max(), 0, 1);
    }

    private sealed class Quiet : IProgress<RestyleProgress>
    {
        public void Report(RestyleProgress value)
        {
        }
    }
}
