using System.Text.Json;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

public sealed class TorchPickleFileTests
{
    [Theory]
    [InlineData("model.pt")]
    [InlineData("model_ema_bf16.pt")]
    [InlineData("Wan2.1_VAE.pth")]
    [InlineData("models_t5_umt5-xxl-enc-bf16.pth")]
    [InlineData("taew2_1.pth")]
    public void Open_GoldenFile_HoldsTheExpectedTensors(string name)
    {
        using var file = TorchPickleFile.Open(Golden.Path("checkpoints", name));

        ExpectedTensors.AssertEqual(ExpectedTensors.Of(name), file);
    }

    [Fact]
    public void Open_TransformerRule_StripsThePrefixWhereThereIsOne()
    {
        using var with = TorchPickleFile.Open(Golden.Path("checkpoints", "model.pt"), StateDictRule.Transformer);
        using var without = TorchPickleFile.Open(Golden.Path("checkpoints", "model_ema_bf16.pt"), StateDictRule.Transformer);

        Assert.Equal(without.Names, with.Names);
        Assert.Contains("patch_embedding.weight", with.Names);
    }

    [Fact]
    public void Open_PrefixMakesTwoNamesOne_IsRefused()
    {
        using var folder = new TempFolder();
        var pickle = new PickleText().Op('}').Op('(')
            .Text("a").Tensor("FloatStorage", "0", 1, 0, [1], [1]).Text("model.a").Tensor("FloatStorage", "0", 1, 0, [1], [1]).Op('u')
            .Op('.').Bytes;

        var error = Assert.Throws<ModelException>(
            () => TorchPickleFile.Open(TorchArchive.Write(folder.File("x.pt"), pickle, new byte[4]), StateDictRule.Transformer));

        Assert.Contains("both 'a' and 'model.a'", error.Message);
    }

    [Fact]
    public void Open_RuleWithAnotherKey_TakesThatDictionary()
    {
        using var folder = new TempFolder();
        var pickle = PickleText.Dict("critic", p => p.Op('}').Text("w").Tensor("FloatStorage", "0", 1, 0, [1], [1]).Op('s'));
        var path = TorchArchive.Write(folder.File("x.pt"), pickle, BitConverter.GetBytes(3f));

        using var file = TorchPickleFile.Open(path, new StateDictRule { Keys = ["critic"] });
        var error = Assert.Throws<ModelException>(() => TorchPickleFile.Open(path));

        Assert.Equal(["w"], file.Names);
        Assert.Contains("it has: critic", error.Message);
    }

    [Fact]
    public void View_OddTensors_HaveTheGoldenValues()
    {
        using var file = TorchPickleFile.Open(Golden.Path("checkpoints", "odd_tensors.pt"));
        using var expected = JsonDocument.Parse(File.ReadAllBytes(Golden.Path("checkpoints", "odd_tensors.json")));

        foreach (var property in expected.RootElement.EnumerateObject())
        {
            using var view = file.View(property.Name);
            using var wide = view.to(ScalarType.Float64).contiguous();
            Assert.Equal(Flatten(property.Value), wide.data<double>().ToArray());
        }
        Assert.Equal(file.ShapeOf("shared_a")!, file.ShapeOf("shared_b")!);
        Assert.Equal([0, 3], file.ShapeOf("empty")!);
        Assert.Equal([], file.ShapeOf("scalar")!);
        Assert.Equal(ScalarType.Bool, file.TypeOf("bool"));
        Assert.Equal(ScalarType.Float16, file.TypeOf("half"));
        using var empty = file.View("empty");
        Assert.Equal(0, empty.numel());
    }

    [Fact]
    public void Content_OddTensors_HoldsWhatTheStateDictLeavesOut()
    {
        using var file = TorchPickleFile.Open(Golden.Path("checkpoints", "odd_tensors.pt"));

        var nested = Assert.IsType<PickleDict>(Assert.IsType<PickleDict>(file.Content)["nested"]);
        var list = Assert.IsType<List<object?>>(nested["list"]);

        Assert.DoesNotContain("nested", file.Names);
        Assert.Equal([2], Assert.IsType<MappedTensor>(list[0]).Shape);
        Assert.Equal([3L, "x"], list[1..]);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void Open_EachPickleProtocol_GivesTheSame(int protocol)
    {
        using var folder = new TempFolder();
        float[] values = [0, 1, 2, 3, 4, 5];
        var bytes = values.SelectMany(BitConverter.GetBytes).ToArray();
        // 8-bit floats: 1, 2, -1 and 0.5.
        using var file = TorchPickleFile.Open(
            TorchArchive.Write(folder.File("x.pt"), PythonPickles.Protocol(protocol), bytes, [0x38, 0x40, 0xb8, 0x30]));

        Assert.Equal(["a", "view", "parameter", "parameter_with_state", "f8", "grüß"], file.Names);
        using var scope = NewDisposeScope();
        Assert.Equal([0, 1, 2, 3, 4, 5], file.View("parameter_with_state").data<float>().ToArray());
        Assert.Equal([1, 4], file.View("view").contiguous().data<float>().ToArray());
        Assert.Equal(5, file.View("grüß").item<float>());
        Assert.Equal(ElementTypes.Float8E4M3, file.TypeOf("f8"));
        Assert.Equal([1, 2, -1, 0.5f], file.Read("f8", [4], CPU, ScalarType.Float32).data<float>().ToArray());
        var values2 = Assert.IsType<PickleDict>(Assert.IsType<PickleDict>(file.Content)["state_dict"]);
        Assert.Equal(System.Numerics.BigInteger.Pow(10, 30), values2["step"]);
        Assert.Equal(-5L, values2["neg"]);
        Assert.Equal(1L << 40, values2["big"]);
        Assert.Equal(new object[] { 1L, 2L, 3L, 4L }, values2["t4"]);
        Assert.Equal(new string('x', 300), values2["long text"]);
    }

    [Fact]
    public void Open_ArchiveOverFourGigabytes_ReadsBothEnds()
    {
        using var folder = new TempFolder();
        const long Elements = (4608L << 20) / 4;
        var pickle = new PickleText().Op('}').Op('(')
            .Text("big").Tensor("FloatStorage", "0", Elements, 0, [Elements], [1])
            .Text("after").Tensor("FloatStorage", "1", 2, 0, [2], [1]).Op('u').Op('.').Bytes;
        using (var archive = new TorchArchive(folder.File("big.pt")))
        {
            archive.Add("big/data.pkl", pickle);
            archive.AddSparse("big/data/0", Elements * 4, BitConverter.GetBytes(7f));
            archive.Add("big/data/1", [.. BitConverter.GetBytes(8f), .. BitConverter.GetBytes(9f)]);
        }

        using var file = TorchPickleFile.Open(folder.File("big.pt"));

        Assert.True(file.Bytes > uint.MaxValue);
        using var scope = NewDisposeScope();
        Assert.Equal([0, 7], file.View("big").narrow(0, Elements - 2, 2).data<float>().ToArray());
        Assert.Equal([8, 9], file.View("after").data<float>().ToArray());
    }

    private static double[] Flatten(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => [.. value.EnumerateArray().SelectMany(Flatten)],
        JsonValueKind.True => [1],
        JsonValueKind.False => [0],
        _ => [value.GetDouble()],
    };
}
