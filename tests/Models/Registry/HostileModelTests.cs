using System.Text;
using System.Text.Json.Nodes;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Native;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Registry.Download;
using StreamDiff.Models.Tests.Weights;
using StreamDiff.Models.Weights;
using StreamDiff.Testing;
using Answer = StreamDiff.Testing.LoopbackServer.Answer;

namespace StreamDiff.Models.Tests.Registry;

/// <summary>Models whose numbers, texts, links and sizes mean no good, or are a slip of a finger.</summary>
public sealed class HostileModelTests : DownloadTest
{
    private readonly StreamDiff.Testing.TempFolder _models = new();

    [Theory]
    [InlineData("num_layers", 100_000)]
    [InlineData("num_layers", 1_000_000_000)]
    [InlineData("dim", 2_000_000_000)]
    [InlineData("ffn_dim", 2_000_000_000)]
    [InlineData("text_len", 1_000_000_000)]
    public void Config_ImpossibleSizes_AreRefusedWhereTheyAreRead(string key, int value)
    {
        var file = Config(c => c["dit"]![key] = value);
        var refused = Assert.Throws<ModelException>(() => ModelConfigReader.Read(file));
        Assert.Contains($"dit.{key} must be a whole number from", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RandomWeights_LargerThanTheMemory_AreRefusedBeforeAnythingIsMade()
    {
        var folder = TestModels.Write(_models, "models", "huge");
        var config = TestModels.TinyConfig();
        (config["dit"]!["dim"], config["dit"]!["num_heads"], config["dit"]!["ffn_dim"]) = (131_072, 256, 262_144);
        (config["dit"]!["num_layers"], config["weights"]!["dit"]) = (1024, "random:1");
        File.WriteAllText(Path.Combine(folder, "model.json"), config.ToJsonString());
        // This thread's: other tests allocate too.
        var before = GC.GetAllocatedBytesForCurrentThread();
        var model = new ModelCatalog(Path.GetDirectoryName(folder), "/nonexistent", "/nonexistent").Find("huge");
        var refused = Assert.Throws<ModelException>(
            () => ModelBundle.Load(model, null, TorchSharp.torch.CPU, TorchSharp.torch.ScalarType.Float32));
        Assert.Contains("are free", refused.Message, StringComparison.Ordinal);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 64 << 20);
    }

    [Theory]
    [InlineData("{\"description\": \"\\ud800\"}")]
    [InlineData("{\"\\ud800\": 1}")]
    [InlineData("{\"description\": \"a\\u0000b\"}")]
    [InlineData("{\"weights\": {\"dit\": \"a\\u0000b\"}}")]
    [InlineData("[[[[")]
    [InlineData("{\"dit\": {\"eps\": 1e999}}")]
    public void Config_TextsAndNumbersThatAreNone_AreOneLine(string json)
    {
        var file = _models.Write("m/model.json", json);
        Assert.DoesNotContain('\n', Assert.Throws<ModelException>(() => ModelConfigReader.Read(file)).Message);
        Assert.DoesNotContain('\n', Assert.Throws<ModelException>(() => ModelManifest.Read(file)).Message);
    }

    [Theory]
    [InlineData(5_000_000)]
    [InlineData(50_000)]
    public void Config_NestedOrLong_IsOneLine(int count)
    {
        var file = _models.Write("m/model.json", new string('[', count));
        var refused = Assert.Throws<ModelException>(() => ModelConfigReader.Read(file));
        Assert.InRange(refused.Message.Length, 1, 1000);
    }

    [Fact]
    public void Product_OfLargeSizes_DoesNotWrapRound()
    {
        Assert.Equal(long.MaxValue, HostMemory.Product(1L << 40, 1L << 40));
        Assert.Equal(0, HostMemory.Product(0, long.MaxValue));
        Assert.InRange(HostMemory.Available, 1 << 20, long.MaxValue - 1);
    }

    [Fact]
    public void Weights_ThatAreSymbolicLinks_CountAsWhatTheyLeadTo()
    {
        var real = _models.Write("blobs/abc", new string('x', 1000));
        var folder = TestModels.Write(_models, "models", "linked", ("tokenizer.model", 1000, null, "http://127.0.0.1/x"));
        Directory.CreateDirectory(Path.Combine(folder, "weights"));
        var link = Path.Combine(folder, "weights", "tokenizer.model");
        File.CreateSymbolicLink(link, Path.GetRelativePath(Path.GetDirectoryName(link)!, real));
        var model = new ModelCatalog(Path.GetDirectoryName(folder), "/nonexistent", "/nonexistent").Find("linked");
        Assert.All(ModelFiles.Check(model, hash: false), c => Assert.True(c.Usable, c.Problem));
        Assert.Equal(1000, StreamDiff.Models.Files.FileLength.Of(link));
    }

    [Fact]
    public void Checkpoint_BehindTwoSymbolicLinks_IsRead()
    {
        var one = _models["one.pt"];
        File.CreateSymbolicLink(one, Path.GetFullPath(Golden.Path("checkpoints", "model.pt")));
        File.CreateSymbolicLink(_models["two.pt"], one);
        using var file = CheckpointFile.Open(_models["two.pt"]);
        Assert.NotEmpty(file.Names);
    }

    [Fact]
    public async Task Download_APartThatIsALink_IsNotWrittenThrough()
    {
        var victim = _models.Write("victim", "keep me");
        Directory.CreateDirectory(Path.GetDirectoryName(Part)!);
        File.CreateSymbolicLink(Part, victim);
        using var server = new LoopbackServer(r => Answer.File(Content, r));
        var refused = await Assert.ThrowsAsync<DownloadException>(() => Download(server));
        Assert.Contains("symbolic link", refused.Message, StringComparison.Ordinal);
        Assert.Equal("keep me", File.ReadAllText(victim));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Download_MoreThanTheLimitOfAFileWithoutASize_IsRefused(bool isStated)
    {
        using var server = new LoopbackServer(r => Answer.File(Content, r) with { StatedLength = isStated ? Content.Length : -1 });
        using var downloader = new ModelDownloader(Options with { MostUnstated = 1_000_000 });
        await Assert.ThrowsAsync<DownloadException>(() => downloader.Download(Manifest(server, null, null), Target));
        AssertNothing();
    }

    [Theory]
    [InlineData((byte)']')]
    [InlineData((byte)'}')]
    [InlineData((byte)'N')]
    public void Pickle_ThatMakesMuchOfLittle_IsRefused(byte op)
    {
        var pickle = new byte[4 << 20];
        (pickle[0], pickle[1]) = (0x80, 2);
        pickle.AsSpan(2).Fill(op);
        var path = TorchArchive.Write(_models["x.pt"], pickle);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<ModelException>(() => TorchPickleFile.Open(path));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 400 << 20);
    }

    [Fact]
    public void Safetensors_HeaderOfManyMegabytes_IsRefused()
    {
        var header = Encoding.ASCII.GetBytes("{" + new string(' ', 20_000_000) + "}");
        File.WriteAllBytes(_models["x.safetensors"], [.. BitConverter.GetBytes((long)header.Length), .. header]);
        var refused = Assert.Throws<ModelException>(() => CheckpointFile.Open(_models["x.safetensors"]));
        Assert.Contains("header", refused.Message, StringComparison.Ordinal);
    }

    private string Config(Action<JsonObject> change)
    {
        var config = TestModels.TinyConfig();
        change(config);
        return _models.Write("m/model.json", config.ToJsonString());
    }
}
