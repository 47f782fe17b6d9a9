using System.Text.Json.Nodes;
using StreamDiff.Models.Registry;
using StreamDiff.Testing;

namespace StreamDiff.Models.Tests.Registry;

public sealed class ModelConfigTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Read_Tiny_HasEveryValue()
    {
        var config = new ModelCatalog().Find("tiny").Config;
        Assert.Equal(new TextEncoderConfig
        {
            Vocab = 520,
            Dim = 256,
            DimAttn = 256,
            DimFfn = 640,
            NumHeads = 4,
            NumLayers = 2,
            NumBuckets = 32,
            SharedPos = false,
        }, config.TextEncoder);
        Assert.Equal([96, 48, 16, 32], config.Vae.Taehv!.DecoderWidths);
        Assert.Equal(2, config.Vae.Taehv.PatchSize);
        Assert.Equal([16, 16, 32, 64], config.Vae.Taehv.EncoderWidths);
        Assert.Equal(4, config.Vae.Taehv.Steady);
        Assert.Equal(["taehv"], config.Vae.Names);
        Assert.Equal(new KvCacheConfig { WindowFrames = 5, SinkFrames = 3, SinkThreshold = 0.2 }, config.KvCache);
        Assert.Equal(["stream-batch", "sequential"], config.Modes);
        Assert.Equal(30, config.Styles!.Known.Count);
        Assert.Equal(11, config.Styles.Modifiers.Count);
        Assert.Equal(
            (new UsefulRange(0.25, 0.45), new UsefulRange(1, 2)), (config.Diffusion.UsefulNoiseScale, config.Diffusion.UsefulSteps));
        Assert.Equal([250, 150, 100, 75], config.Diffusion.DenoisingSteps);
        Assert.Equal((0.25, 0.05, 0.2, 0.9, 0), (config.Diffusion.NoiseScale, config.Diffusion.NoiseRange, config.Diffusion.NoiseReference,
            config.Diffusion.NoiseMomentum, config.Diffusion.TimestepOffset));
    }

    [Fact]
    public void Read_SeveralThingsWrong_TellsThemTogetherWithFileAndKeys()
    {
        var message = Refused(c =>
        {
            c["dit"]!.AsObject().Remove("num_heads");
            c["dit"]!["dimm"] = 3;
            c["vae"]!["taehv"]!["decoder_widths"] = new JsonArray(1, 2);
            c["diffusion"]!["shift"] = "eight";
            c.Remove("kv_cache");
        });
        foreach (var part in (string[])
        [
            "model.json", "missing key dit.num_heads", "unknown key dit.dimm", "vae.taehv.decoder_widths must be a list of 4",
            "diffusion.shift must be a number", "missing key kv_cache",
        ])
            Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain("kv_cache.", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("dit", "text_dim", 128, "dit.text_dim (128) and text_encoder.dim (256) must be equal")]
    [InlineData("dit", "num_heads", 3, "dit.dim must be an even multiple of dit.num_heads")]
    [InlineData("kv_cache", "sink_frames", 6, "kv_cache.sink_frames must be less than kv_cache.window_frames")]
    [InlineData("default_size", "width", 321, "default_size must be multiples of 16")]
    [InlineData("vae", "default", "wan", "vae.default is wan, but the model offers taehv")]
    [InlineData("weights", "taehv", null, "vae.taehv and weights.taehv must both be there")]
    [InlineData("weights", "dit", "../../etc/passwd", "weights.dit must be a path below the weights folder")]
    [InlineData("weights", "dit", "/etc/passwd", "weights.dit must be a path below the weights folder")]
    [InlineData("weights", "dit", "random:x", "weights.dit must be a path below the weights folder, or random:SEED")]
    [InlineData("dit", "dim", 0, "dit.dim must be a whole number from 1 to")]
    public void Read_ImpossibleValue_SaysWhich(string section, string key, object? value, string says) =>
        Assert.Contains(says, Refused(c => c[section]![key] = value is null ? null : JsonValue.Create(value)), StringComparison.Ordinal);

    [Fact]
    public void Read_CardThatCannotBe_SaysWhatIsWrong()
    {
        var message = Refused(c =>
        {
            c["modes"] = new JsonArray("dreaming");
            c["diffusion"]!["useful_noise_scale"] = new JsonArray(0.5, 0.9);
            c["styles"]!["known"]![0]!["words"]!.AsArray().Add("neon");
            c["styles"]!["known"]![1]!["words"] = new JsonArray("...");
        });
        foreach (var part in (string[])
        [
            "modes must be of stream-batch",
            "diffusion.noise_scale must lie in diffusion.useful_noise_scale",
            "styles.known or styles.modifiers has 'neon' several times",
            "the words of style ink drawing",
        ])
            Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Contains("useful_steps must be two rising numbers from 1 to 4",
            Refused(c => c["diffusion"]!["useful_steps"] = new JsonArray(3, 1)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NothingSaidOfStylesModesAndRanges_AllowsEverything()
    {
        var config = new ModelCatalog().Find("wan2.1-t2v-1.3b-streamdiffusionv2").Config;
        Assert.Equal((null, null, null), (config.Styles, config.Diffusion.UsefulNoiseScale, config.Diffusion.UsefulSteps));
        Assert.Contains("text-to-video", config.Modes);
    }

    [Theory]
    [InlineData("{ \"dit\": ", "is not valid JSON (line 1")]
    [InlineData("[1]", "the file must be an object")]
    public void Read_NotAnObject_IsOneClearLine(string text, string says)
    {
        var error = Assert.Throws<ModelException>(() => ModelConfigReader.Read(_folder.Write("model.json", text)));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("path", "../up", "files[0].path must lie below")]
    [InlineData("url", "file:///etc/passwd", "files[0].url must be an http or https address")]
    [InlineData("sha256", "abc", "files[0].sha256 must be 64 hexadecimal digits")]
    [InlineData("size", -1, "files[0].size must be a whole number")]
    [InlineData("extra", 1, "unknown key files[0].extra")]
    public void ReadManifest_WrongValue_SaysWhich(string key, object value, string says)
    {
        var manifest = TestModels.Read("tiny", "manifest.json");
        manifest["files"]![0]![key] = JsonValue.Create(value);
        var error = Assert.Throws<ModelException>(() => ModelManifest.Read(_folder.Write("manifest.json", manifest.ToJsonString())));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    private string Refused(Action<JsonObject> change)
    {
        var config = TestModels.TinyConfig();
        change(config);
        return Assert.Throws<ModelException>(() => ModelConfigReader.Read(_folder.Write("model.json", config.ToJsonString()))).Message;
    }
}
