using StreamDiff.Models.Conversion;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Testing;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Conversion;

/// <summary>The model tiny as other programs would save it, and back.</summary>
public sealed class TransformerSpellingTests : IDisposable
{
    // From the conversion script of diffusers (scripts/convert_wan_to_diffusers.py), in its order.
    private static readonly (string Own, string Diffusers)[] Diffusers =
    [
        ("time_embedding.0", "condition_embedder.time_embedder.linear_1"),
        ("time_embedding.2", "condition_embedder.time_embedder.linear_2"),
        ("text_embedding.0", "condition_embedder.text_embedder.linear_1"),
        ("text_embedding.2", "condition_embedder.text_embedder.linear_2"),
        ("time_projection.1", "condition_embedder.time_proj"), ("head.modulation", "scale_shift_table"), ("head.head", "proj_out"),
        ("modulation", "scale_shift_table"), ("ffn.0", "ffn.net.0.proj"), ("ffn.2", "ffn.net.2"), ("norm3", "norm2"),
        ("self_attn.q", "attn1.to_q"), ("self_attn.k", "attn1.to_k"), ("self_attn.v", "attn1.to_v"), ("self_attn.o", "attn1.to_out.0"),
        ("self_attn.norm_q", "attn1.norm_q"), ("self_attn.norm_k", "attn1.norm_k"), ("cross_attn.q", "attn2.to_q"),
        ("cross_attn.k", "attn2.to_k"), ("cross_attn.v", "attn2.to_v"), ("cross_attn.o", "attn2.to_out.0"),
        ("cross_attn.norm_q", "attn2.norm_q"), ("cross_attn.norm_k", "attn2.norm_k"),
    ];

    private readonly TempFolder _folder = new();
    private readonly ModelCatalog _catalog = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("comfyui")]
    [InlineData("comfyui, bare")]
    [InlineData("diffusers")]
    public void Convert_EverySpelling_GivesTheWeightsBitForBit(string spelling)
    {
        using var original = Original();
        var file = Save(spelling + ".safetensors", original.Names.Select(n => (Spelled(n, spelling), original.View(n))));
        var made = ModelConversion.Convert(file, Bases, _folder["made"]);
        Assert.Equal("tiny", made.Base);
        var model = _catalog.Find(made.Folder);
        Assert.All(ModelFiles.Check(model), f => Assert.True(f.Usable, f.Path + f.Problem));
        using var converted = CheckpointFile.Open(model.PathOf(model.Config.Weights.Dit, out _)!);
        AssertSame(original, converted);
    }

    // The same pictures, too: a network that took a weight for another would still load.
    [Fact]
    public void Convert_DiffusersOfAToy_ComputesTheSame()
    {
        using var scope = NewDisposeScope();
        var shapes = CausalWanModel.Shapes(Toy.Config);
        var random = new RandomWeightSource(3);
        var weights = shapes.ToDictionary(s => s.Key, s => random.Read(s.Key, s.Value, CPU, ScalarType.Float32));
        SafetensorsWriter.Write(_folder["ours.safetensors"], weights);
        var file = Save("toy.safetensors", weights.Select(w => (Spelled(w.Key, "diffusers"), w.Value)));
        using (var spelled = CheckpointFile.Open(file))
        {
            var spelling = new TransformerSpelling(spelled, shapes);
            Assert.True(spelling.Fits);
            SafetensorsWriter.WriteEach(_folder["converted.safetensors"],
                [.. shapes.Select(s => new TensorToWrite(s.Key, spelling.TypeOf(s.Key), s.Value, () => spelling.Read(s.Key)))]);
        }
        using var toy = Load("ours.safetensors");
        using var converted = Load("converted.safetensors");
        Assert.True(Denoised(toy).equal(Denoised(converted)).all().item<bool>());
    }

    [Fact]
    public void Convert_ScaledFloat8_IsMultipliedAndTheRestIsKept()
    {
        const string Name = "blocks.0.self_attn.q.weight";
        using var scope = NewDisposeScope();
        using var original = Original();
        var values = original.View(Name).div(Scalars.Of(0.25f)).to_type(ElementTypes.Float8E4M3);
        var file = Save("scaled.safetensors",
        [
            .. original.Names.Where(n => n != Name).Select(n => (Spelled(n, "comfyui"), original.View(n))),
            (Spelled(Name, "comfyui"), values), (Spelled("blocks.0.self_attn.q.scale_weight", "comfyui"), tensor(0.25f)),
            (Spelled("blocks.0.self_attn.q.scale_input", "comfyui"), tensor(1f)),
            ("scaled_fp8", zeros([2]).to_type(ElementTypes.Float8E4M3)),
        ]);
        var made = ModelConversion.Convert(file, Bases, _folder["made"]);
        Assert.Equal(1, made.Scaled);
        using var converted = CheckpointFile.Open(Path.Combine(made.Folder, "weights", "transformer.safetensors"));
        using var weight = converted.View(Name);
        Assert.Equal(ScalarType.BFloat16, weight.dtype);
        var wanted = values.to_type(ScalarType.Float32).mul(Scalars.Of(0.25f)).to_type(ScalarType.BFloat16);
        Assert.True(weight.equal(wanted).all().item<bool>());
    }

    [Fact]
    public void Convert_AnotherModel_NamesWhatIsMissingUnknownAndOfAnotherSize()
    {
        using var original = Original();
        var file = Save("other.safetensors",
        [
            .. original.Names.Where(n => n is not ("head.head.bias" or "patch_embedding.weight"))
                .Select(n => (Spelled(n, "diffusers"), original.View(n))),
            ("patch_embedding.weight", zeros([256, 36, 1, 2, 2])), ("condition_embedder.image_embedder.norm1.weight", zeros([8])),
        ]);
        var error = Assert.Throws<ModelException>(() => ModelConversion.Convert(file, Bases, _folder["made"])).Message;
        Assert.Contains("1 missing (head.head.bias)", error, StringComparison.Ordinal);
        Assert.Contains("1 unknown (condition_embedder.image_embedder.norm1.weight)", error, StringComparison.Ordinal);
        Assert.Contains("patch_embedding.weight is [256, 36, 1, 2, 2] instead of [256, 48, 1, 2, 2]", error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder["made"]));
    }

    [Fact]
    public void Convert_ThatIsStoppedOrFails_IsNotInTheWayOfTheNextTry()
    {
        using var original = Original();
        var file = Save("comfyui.safetensors", original.Names.Select(n => (Spelled(n, "comfyui"), original.View(n))));
        Assert.Throws<OperationCanceledException>(() => ModelConversion.Convert(file, Bases, _folder["made"], new CancellationToken(true)));
        Assert.Empty(Directory.GetFiles(_folder["made"], "*", SearchOption.AllDirectories));
        // The settings come last: here they cannot be written.
        var settings = Directory.CreateDirectory(Path.Combine(_folder["made"], "model.json"));
        Assert.Throws<ModelException>(() => ModelConversion.Convert(file, Bases, _folder["made"]));
        Assert.False(File.Exists(Path.Combine(_folder["made"], "manifest.json")));
        settings.Delete();
        Assert.Equal("tiny", ModelConversion.Convert(file, Bases, _folder["made"]).Base);
    }

    private IReadOnlyList<Model> Bases => [.. _catalog.Names.Select(_catalog.Find)];

    private CheckpointFile Original()
    {
        var tiny = _catalog.Find("tiny");
        return CheckpointFile.Open(tiny.PathOf(tiny.Config.Weights.Dit, out _)!);
    }

    private static string Spelled(string name, string spelling) => spelling switch
    {
        "comfyui" => "model.diffusion_model." + name,
        "diffusers" => Diffusers.Aggregate(name, (n, pair) => n.Replace(pair.Own, pair.Diffusers, StringComparison.Ordinal)),
        _ => name,
    };

    private string Save(string file, IEnumerable<(string Name, Tensor Tensor)> tensors)
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(_folder[file], [.. tensors.Select(t => KeyValuePair.Create(t.Name, t.Tensor))]);
        return _folder[file];
    }

    private static void AssertSame(CheckpointFile a, CheckpointFile b)
    {
        Assert.Equal(a.Names.Order(), b.Names.Order());
        foreach (var name in a.Names)
        {
            using var scope = NewDisposeScope();
            Assert.Equal(a.TypeOf(name), b.TypeOf(name));
            Assert.True(a.View(name).equal(b.View(name)).all().item<bool>(), name);
        }
    }

    private CausalWanModel Load(string file)
    {
        using var source = CheckpointFile.Open(_folder[file]);
        return CausalWanModel.Load(Toy.Config, .., source, CPU, ScalarType.Float32);
    }

    private static Tensor Denoised(CausalWanModel model)
    {
        using var ticks = new TickQueue(new LocalTickRunner(model));
        var options = Toy.Options(1, KeyRotation.Relative);
        using var pool = ticks.Runner.CreatePool(options, 1);
        using var noise = new KeyedNoise(CPU);
        using var stream = new LaneStream(ticks, pool, options, noise, 0);
        using var prompt = Toy.Prompt(model);
        stream.Admit(Toy.Latents(1, 4), new ChunkSettings(prompt, options.Timesteps));
        ticks.Issue([(stream, stream.Ready[0])]);
        ticks.Collect(wait: true);
        stream.TryTake(out _, out var clean);
        return clean;
    }
}
