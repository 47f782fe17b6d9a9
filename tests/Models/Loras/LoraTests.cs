using StreamDiff.Models.KvCache;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Tests.Cuda;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Testing;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Loras;

/// <summary>LoRAs do to a network what their merged weights do, and what cannot be used is named.</summary>
public sealed class LoraTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamdiff-lora-").FullName;
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    private static IReadOnlyDictionary<string, long[]> Shapes => CausalWanModel.Shapes(Toy.Config);

    public void Dispose()
    {
        _scope.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Shapes_AreThoseThatTheNetworkAsksFor()
    {
        using var source = new Asked();
        using var model = CausalWanModel.Load(Toy.Config, .., source, CPU, ScalarType.Float32);
        Assert.Equal(
            source.Shapes.OrderBy(s => s.Key).Select(s => $"{s.Key} {string.Join(',', s.Value)}"),
            Shapes.OrderBy(s => s.Key).Select(s => $"{s.Key} {string.Join(',', s.Value)}"));
    }

    [Theory]
    [CombinatorialSpellings]
    public void Output_InEachSpelling_IsThatOfMergedWeights(LoraSpellings spelling, bool isLive)
    {
        const double Strength = 0.7;
        var added = LoraFiles.Write(File("style"), spelling, Shapes);
        using var loras = Open(isLive, ("style", Strength));
        Assert.Equal(LoraFiles.Layers, loras.Loras[0].Layers);
        Assert.Empty(loras.Loras[0].Troubles);
        using var expected = Merged((added, Strength));
        using var actual = Load(loras);
        using var plain = Toy.Model();
        AssertClose(Output(expected), Output(actual), 1e-5);
        Assert.True(Distance(Output(plain), Output(actual)) > 0.01, "the LoRA does something");
    }

    [Fact]
    public void Output_OfSeveralAndDifferences_IsThatOfTheirSum()
    {
        var first = LoraFiles.Write(File("one"), LoraSpellings.Kohya, Shapes, seed: 1);
        var second = LoraFiles.Write(File("two"), LoraSpellings.Diffusers, Shapes, seed: 2);
        var third = new Dictionary<string, Tensor>
        {
            ["blocks.1.norm3.weight"] = rand(48),
            ["blocks.1.norm3.bias"] = rand(48),
            ["blocks.0.self_attn.norm_q.weight"] = rand(48),
            ["blocks.0.self_attn.q.bias"] = rand(48),
            ["blocks.2.modulation"] = rand(1, 6, 48),
            ["head.modulation"] = rand(1, 2, 48),
            ["blocks.1.ffn.0.weight"] = rand(64, 48),
        };
        Write("three", ("diffusion_model.blocks.1.norm3.diff", third["blocks.1.norm3.weight"]),
            ("diffusion_model.blocks.1.norm3.diff_b", third["blocks.1.norm3.bias"]),
            ("transformer.blocks.0.attn1.norm_q.diff", third["blocks.0.self_attn.norm_q.weight"]),
            ("lora_unet_blocks_0_self_attn_q.diff_b", third["blocks.0.self_attn.q.bias"]),
            ("diffusion_model.blocks.2.diff_m", third["blocks.2.modulation"]),
            ("transformer.scale_shift_table.diff", third["head.modulation"]), ("blocks.1.ffn.0.diff", third["blocks.1.ffn.0.weight"]));
        using var expected = Merged((first, 0.5), (second, -0.4), (third, 0.3));
        foreach (var isLive in (bool[])[false, true])
        {
            using var loras = Open(isLive, ("one", 0.5), ("two", -0.4), ("three", 0.3));
            Assert.All(loras.Loras, l => Assert.Empty(l.Troubles));
            using var actual = Load(loras);
            AssertClose(Output(expected), Output(actual), 1e-5);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Weights_AfterAnyChanges_AreTheBitsOfAFreshMerge(ScalarType type)
    {
        LoraFiles.Write(File("one"), LoraSpellings.Kohya, Shapes, seed: 1);
        LoraFiles.Write(File("two"), LoraSpellings.Comfy, Shapes, seed: 2);
        using var plain = Toy.Model(type: type);
        using var loras = Open(true, ("one", 1), ("two", 0.25));
        using var live = Load(loras, type);
        foreach (var strengths in (double[][])[[0.3, -2], [0, 0], [10, 1e-3], [0.3, -2], [0, 1], [0, 0], [1, 0.25]])
        {
            live.UseLoras(loras.Strengths.With(strengths));
            using var merging = Open(false, ("one", strengths[0]), ("two", strengths[1]));
            using var merged = Load(merging, type);
            AssertSame(merged, live);
            if (strengths is [0, 0])
            {
                AssertSame(plain, live);
                Assert.Equal(Output(plain), Output(live));
            }
        }
        live.UseLoras(null);
        Assert.Equal(loras.Strengths, live.Strengths);
    }

    // As where a device's memory is exhausted half way: other sessions go on with the strengths that they have.
    [Fact]
    public void UseLoras_ThatFailsHalfWay_LeavesNothingBehind()
    {
        (string, Tensor)[] Layer(int block, float alpha) =>
        [
            ($"diffusion_model.blocks.{block}.self_attn.q.lora_down.weight", randn(4, 48)),
            ($"diffusion_model.blocks.{block}.self_attn.q.lora_up.weight", randn(48, 4)),
            ($"diffusion_model.blocks.{block}.self_attn.q.alpha", tensor(alpha)),
        ];
        Write("style", null, [.. Layer(0, 4), .. Layer(1, float.NaN)]);
        using var plain = Toy.Model();
        using var loras = Open(true, ("style", 0));
        using var live = Load(loras);
        for (var i = 0; i < 2; i++)
        {
            Assert.Throws<ModelException>(() => live.UseLoras(loras.Strengths.With([1])));
            live.UseLoras(loras.Strengths);
            AssertSame(plain, live);
        }
    }

    // Recorded ticks and products over several weights read memory: it must stay where it is.
    [Fact]
    [Trait("Category", "Slow")]
    public void Ticks_WithOwnKernelsRecorded_FollowStrengths()
    {
        LoraFiles.Write(File("style"), LoraSpellings.Comfy, Shapes);
        using var loras = Open(true, ("style", 0));
        using var fused = Load(loras);
        using var plain = Load(loras);
        fused.Use(FusedTickTests.For(Toy.Config));
        void Steer(CausalWanModel model, int tick) => model.UseLoras(loras.Strengths.With([tick < 10 ? 0 : (tick % 4) - 1.5]));
        var expected = Output(plain, 20, tick => Steer(plain, tick));
        AssertClose(expected, Output(fused, 20, tick => Steer(fused, tick)), 5e-5);
        Assert.True(Distance(Output(plain, 20, _ => plain.UseLoras(null)), expected) > 0.01);
        Assert.True(fused.Ticks.Replayed > 8, "recorded before strengths change, and replayed after");
    }

    [Fact]
    public void Alpha_OfTheHeadersAdapter_Counts()
    {
        var (down, up) = (randn(4, 48), randn(48, 4));
        foreach (var (metadata, factor) in new[]
        {
            ("""{"transformer.r":4,"transformer.lora_alpha":8}""", 2.0),
            ("""{"transformer.lora_alpha":8,"transformer.use_rslora":true}""", 4.0),
            ("""{"transformer.lora_alpha":8,"transformer.alpha_pattern":{"attn1.to_q":2}}""", 0.5),
            ("nonsense", 1.0), ("[1]", 1.0),
        })
        {
            Write("style", new Dictionary<string, string> { ["lora_adapter_metadata"] = metadata },
                ("transformer.blocks.0.attn1.to_q.lora_A.weight", down), ("transformer.blocks.0.attn1.to_q.lora_B.weight", up));
            using var loras = Open(false, ("style", 1));
            using var actual = Load(loras);
            using var expected = Merged((new() { ["blocks.0.self_attn.q.weight"] = up.matmul(down).mul(Scalars.Of(factor)) }, 1));
            AssertClose(Output(expected), Output(actual), 1e-5);
        }
        Write("style", new Dictionary<string, string> { ["lora_adapter_metadata"] = """{"transformer.use_dora":true}""" },
            ("transformer.blocks.0.attn1.to_q.lora_A.weight", down), ("transformer.blocks.0.attn1.to_q.lora_B.weight", up));
        Assert.Contains("is a DoRA", Refusal("style"), StringComparison.Ordinal);
    }

    [Fact]
    public void WhatHasNoEffect_IsNamed()
    {
        Write("style", ("diffusion_model.blocks.0.self_attn.q.lora_A.weight", rand(4, 48)),
            ("diffusion_model.blocks.0.self_attn.q.lora_B.weight", rand(48, 4)),
            ("diffusion_model.blocks.0.cross_attn.k_img.lora_A.weight", rand(4, 48)),
            ("diffusion_model.blocks.0.cross_attn.k_img.lora_B.weight", rand(48, 4)),
            ("diffusion_model.blocks.9.ffn.0.lora_A.weight", rand(4, 48)), ("note", rand(2)),
            ("diffusion_model.blocks.1.self_attn.q.lora_A.weight", rand(4, 47)),
            ("diffusion_model.blocks.1.self_attn.q.lora_B.weight", rand(48, 4)),
            ("diffusion_model.blocks.1.self_attn.k.lora_A.weight", rand(4, 48)),
            ("diffusion_model.blocks.1.norm3.diff", rand(7)),
            ("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", rand(4, 4)),
            ("text_encoder.layers.0.q.lora_A.weight", rand(4, 4)));
        using var loras = Open(false, ("style", 0.5));
        var lora = loras.Loras[0];
        Assert.Equal($"style: 1 of {lora.LayersOfModel} layers, rank 4, strength 0.5", lora.Summary);
        Assert.Equal("blocks.0.self_attn.q.weight", Assert.Single(lora.Applied).Weight);
        var troubles = string.Join('\n', lora.Troubles);
        foreach (var told in (string[])
        [
            "2 tensors of a text encoder are ignored", "4 tensors match no layer and have no effect: ", "cross_attn.k_img.lora_A.weight",
            "blocks.9.ffn.0", "note", "3 layers do not fit", "[4, 47]", "for blocks.1.self_attn.q.weight [48, 48]",
            "k.lora_A.weight without its lora_B or lora_up", "[7] for blocks.1.norm3.weight [48]",
        ])
            Assert.Contains(told, troubles, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatCannotBeUsed_IsRefusedInOneLine()
    {
        Write("other", ("diffusion_model.double_blocks.0.img_attn.qkv.lora_A.weight", rand(4, 48)),
            ("diffusion_model.double_blocks.0.img_attn.qkv.lora_B.weight", rand(48, 4)));
        Assert.Contains(
            "matches no layer of the model: it holds diffusion_model.double_blocks.0", Refusal("other"), StringComparison.Ordinal);
        Write("large", ("diffusion_model.blocks.0.self_attn.q.lora_A.weight", rand(4, 96)),
            ("diffusion_model.blocks.0.self_attn.q.lora_B.weight", rand(96, 4)));
        Assert.Contains("is of another model: no layer fits", Refusal("large"), StringComparison.Ordinal);
        Write("text", ("lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", rand(4, 4)));
        Assert.Contains("changes a text encoder only", Refusal("text"), StringComparison.Ordinal);
        Write("loha", ("lora_unet_blocks_0_self_attn_q.hada_w1_a", rand(4, 4)));
        Assert.Contains("which is of LoHa", Refusal("loha"), StringComparison.Ordinal);
        Write("twice", ("diffusion_model.blocks.0.self_attn.q.lora_A.weight", rand(4, 48)),
            ("diffusion_model.blocks.0.self_attn.q.lora_B.weight", rand(48, 4)),
            ("blocks.0.attn1.to_q.lora_A.weight", rand(4, 48)), ("blocks.0.attn1.to_q.lora_B.weight", rand(48, 4)));
        Assert.Contains("changes blocks.0.self_attn.q.weight twice", Refusal("twice"), StringComparison.Ordinal);
        Write("whole", ("blocks.0.self_attn.q.lora_A.weight", ones([4, 48], dtype: ScalarType.Int32)),
            ("blocks.0.self_attn.q.lora_B.weight", rand(48, 4)));
        Assert.Contains("of int32", Refusal("whole"), StringComparison.Ordinal);
        Write("none");
        Assert.Contains("holds no tensors", Refusal("none"), StringComparison.Ordinal);
        System.IO.File.WriteAllText(File("junk"), new string('x', 100));
        Assert.Contains("is not a safetensors file", Refusal("junk"), StringComparison.Ordinal);
        var whole = System.IO.File.ReadAllBytes(File("large"));
        System.IO.File.WriteAllBytes(File("cut"), whole[..^10]);
        Assert.Contains("is cut short", Refusal("cut"), StringComparison.Ordinal);
        Assert.Contains("does not exist", Refusal("nowhere"), StringComparison.Ordinal);
        Assert.Contains("have one name, a", LoraSet.Problem([new("x/a.safetensors"), new("y/a.safetensors")]), StringComparison.Ordinal);
    }

    [Fact]
    public void AnyDamagedFile_IsUsedOrRefused()
    {
        LoraFiles.Write(File("style"), LoraSpellings.Kohya, Shapes);
        var whole = System.IO.File.ReadAllBytes(File("style"));
        var random = new Random(5);
        for (var i = 0; i < 200; i++)
        {
            var bytes = whole[..(i % 4 == 0 ? random.Next(whole.Length) : whole.Length)];
            for (var flips = random.Next(1, 6); flips > 0 && bytes.Length > 0; flips--)
                // Most of them in the table of contents.
                bytes[random.Next(Math.Min(bytes.Length, i % 3 == 0 ? bytes.Length : 2500))] = (byte)random.Next(256);
            System.IO.File.WriteAllBytes(File("bad"), bytes);
            try
            {
                using var loras = Open(i % 2 == 0, ("bad", 0.5));
                using var model = Load(loras);
            }
            catch (ModelException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }

    [Theory]
    [InlineData("a.safetensors", "a.safetensors", 1)]
    [InlineData("a.safetensors:0.5", "a.safetensors", 0.5)]
    [InlineData("C:/x:y/a.safetensors:-2", "C:/x:y/a.safetensors", -2)]
    [InlineData("a:b", "a:b", 1)]
    [InlineData("a:1e-3", "a", 0.001)]
    [InlineData("a:.5", "a", 0.5)]
    public void Choice_IsReadAsWritten(string text, string path, double strength)
    {
        Assert.Equal(new LoraChoice(path, strength), LoraChoice.Parse(text));
        Assert.Equal(new LoraChoice(path, strength), LoraChoice.Parse(new LoraChoice(path, strength).ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData(":0.5")]
    [InlineData("a:11")]
    [InlineData("a:-10.5")]
    [InlineData("a:1e999")]
    public void Choice_ThatCannotBe_IsRefused(string text) => Assert.Throws<FormatException>(() => LoraChoice.Parse(text));

    private string File(string name) => Path.Combine(_folder, $"{name}.safetensors");

    private LoraSet Open(bool isLive, params (string Name, double Strength)[] files) =>
        LoraSet.Open([.. files.Select(f => new LoraChoice(File(f.Name), f.Strength))], Shapes, isLive);

    private string Refusal(string name)
    {
        var message = Assert.Throws<ModelException>(() => Open(false, (name, 1))).Message;
        Assert.StartsWith("lora ", message, StringComparison.Ordinal);
        Assert.Contains($"{name}.safetensors", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private void Write(string name, params (string Name, Tensor Tensor)[] tensors) => Write(name, null, tensors);

    private void Write(string name, Dictionary<string, string>? metadata, params (string Name, Tensor Tensor)[] tensors) =>
        SafetensorsWriter.Write(File(name), [.. tensors.Select(t => KeyValuePair.Create(t.Name, t.Tensor))], metadata);

    private static CausalWanModel Load(LoraSet loras, ScalarType type = ScalarType.Float32) =>
        CausalWanModel.Load(Toy.Config, .., new RandomWeightSource(3), CPU, type, loras: loras);

    // What somebody would load who had merged them by hand.
    private CausalWanModel Merged(params (Dictionary<string, Tensor> Added, double Strength)[] loras)
    {
        using var source = new RandomWeightSource(3);
        var weights = Shapes.ToDictionary(s => s.Key, s => source.Read(s.Key, s.Value, CPU, ScalarType.Float32));
        foreach (var (added, strength) in loras)
            foreach (var (name, difference) in added)
                weights[name] = weights[name].add(difference, Scalars.Of(strength));
        SafetensorsWriter.Write(File("merged"), [.. weights]);
        using var file = SafetensorsFile.Open(File("merged"));
        return CausalWanModel.Load(Toy.Config, .., file, CPU, ScalarType.Float32);
    }

    private static float[] Output(CausalWanModel model, int ticks = 2, Action<int>? before = null)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var prompt = Toy.Prompt(model);
        var options = Toy.Options(1, KeyRotation.Relative);
        using var cache = model.CreateCache(1, options.Geometry, options.Rotation);
        var result = new List<float>();
        for (var i = 0; i < ticks; i++)
        {
            before?.Invoke(i);
            var latents = Toy.Latents(1, (ulong)i + 20);
            var tick = new Tick
            {
                Rows = [new TickRow(0, (long)i * Toy.Rows * Toy.Columns)],
                Timesteps = [700],
                Frames = 1,
                GridRows = Toy.Rows,
                GridColumns = Toy.Columns,
                Prompts = [prompt],
            };
            result.AddRange(model.Forward(latents, tick, cache).data<float>().ToArray());
        }
        return [.. result];
    }

    private static void AssertSame(CausalWanModel expected, CausalWanModel actual)
    {
        Assert.Equal(expected.Weights.Count, actual.Weights.Count);
        foreach (var (one, other) in expected.Weights.Zip(actual.Weights))
            Assert.True(one.dtype == other.dtype && one.equal(other).all().item<bool>(), "a weight differs");
    }

    private static double Distance(float[] expected, float[] actual) =>
        expected.Zip(actual).Max(p => Math.Abs(p.First - p.Second)) / expected.Max(Math.Abs);

    private static void AssertClose(float[] expected, float[] actual, double tolerance) =>
        Assert.InRange(Distance(expected, actual), 0, tolerance);

    /// <summary>Each spelling, merged and live.</summary>
    [AttributeUsage(AttributeTargets.Method)]
    private sealed class CombinatorialSpellingsAttribute : Xunit.Sdk.DataAttribute
    {
        public override IEnumerable<object[]> GetData(System.Reflection.MethodInfo testMethod) =>
            from spelling in Enum.GetValues<LoraSpellings>()
            from isLive in (bool[])[false, true]
            select new object[] { spelling, isLive };
    }

    private sealed class Asked : IWeightSource
    {
        private readonly RandomWeightSource _random = new(1);

        public Dictionary<string, long[]> Shapes { get; } = [];

        public string Description => "asked";

        public IReadOnlyCollection<string> Names => [];

        public long[]? ShapeOf(string name, long[] wanted) => Shapes[name] = wanted;

        public Tensor Read(string name, long[] shape, Device device, ScalarType type) => _random.Read(name, shape, device, type);

        public void Dispose()
        {
        }
    }
}
