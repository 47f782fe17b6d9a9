using System.Text.Json;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

public sealed class ShardedSafetensorsTests
{
    private const string Index = "model.safetensors.index.json";

    [Fact]
    public void Open_IndexOrItsFolder_JoinsTheShards()
    {
        using var folder = Shards(("a", "1.safetensors"), ("b", "2.safetensors"), ("c", "1.safetensors"));
        foreach (var path in (string[])[folder.File(Index), folder.Path])
        {
            using var file = CheckpointFile.Open(path);
            using var b = file.View("b");

            Assert.IsType<ShardedSafetensors>(file);
            Assert.Equal(["a", "b", "c"], file.Names.Order());
            Assert.Equal(1, b.item<float>());
            Assert.Equal(new FileInfo(folder.File("1.safetensors")).Length + new FileInfo(folder.File("2.safetensors")).Length, file.Bytes);
        }
    }

    [Fact]
    public void Open_MissingShards_AreNamedInOneError()
    {
        using var folder = Shards(("a", "1.safetensors"), ("b", "2.safetensors"), ("c", "3.safetensors"));
        File.Delete(folder.File("1.safetensors"));
        File.Delete(folder.File("3.safetensors"));

        var error = Refusal(folder);

        Assert.Contains("needs 2 of 3 files that are missing beside it: 1.safetensors, 3.safetensors", error);
    }

    [Theory]
    [InlineData("../1.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("sub/1.safetensors")]
    [InlineData("..")]
    [InlineData("")]
    public void Open_ShardOutsideTheFolder_IsRefused(string shard)
    {
        using var folder = Shards(("a", "1.safetensors"));
        WriteIndex(folder, ("a", shard));

        Assert.Contains("does not lie beside it", Refusal(folder));
    }

    [Fact]
    public void Open_IndexThatDisagreesWithItsFiles_IsRefused()
    {
        using var folder = Shards(("a", "1.safetensors"), ("b", "2.safetensors"));
        WriteIndex(folder, ("a", "1.safetensors"), ("b", "2.safetensors"), ("c", "2.safetensors"));
        Assert.Contains("their files do not hold: c", Refusal(folder));
        WriteIndex(folder, ("a", "2.safetensors"), ("b", "2.safetensors"), ("c", "1.safetensors"));
        Assert.Contains("does not say that 1.safetensors holds 'a'", Refusal(folder));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("{\"weight_map\":5}")]
    [InlineData("{\"weight_map\":{\"a\":5}}")]
    [InlineData("{\"weight_map\":")]
    public void Open_IndexWithoutMap_IsRefused(string json)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File(Index), json);

        Assert.Contains("has no weight_map", Refusal(folder));
    }

    private static string Refusal(TempFolder folder) =>
        Assert.Throws<ModelException>(() => CheckpointFile.Open(folder.File(Index))).Message;

    // Each tensor is one number: its place in the list.
    private static TempFolder Shards(params (string Name, string Shard)[] map)
    {
        var folder = new TempFolder();
        using var scope = NewDisposeScope();
        foreach (var shard in map.Select((m, i) => (m.Name, m.Shard, Value: tensor((float)i))).GroupBy(m => m.Shard))
            SafetensorsWriter.Write(folder.File(shard.Key), [.. shard.Select(m => new KeyValuePair<string, Tensor>(m.Name, m.Value))]);
        WriteIndex(folder, map);
        return folder;
    }

    private static void WriteIndex(TempFolder folder, params (string Name, string Shard)[] map) =>
        File.WriteAllText(folder.File(Index),
            JsonSerializer.Serialize(new { metadata = new { }, weight_map = map.ToDictionary(m => m.Name, m => m.Shard) }));
}
