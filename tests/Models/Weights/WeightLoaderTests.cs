using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

public sealed class WeightLoaderTests
{
    [Fact]
    public void Complete_EverythingWrong_ListsAllOfItInOneError()
    {
        using var folder = new TempFolder();
        using var source = Source(folder, ("a.weight", [2, 3]), ("a.bias", [2]), ("old.1", [1]), ("old.2", [1]), ("b", [4]));
        var loader = new WeightLoader(source, CPU, ScalarType.Float32);
        loader.In("a").Take("weight", 3, 2);
        loader.In("a").Take("bias", 2);
        loader.Take("b", 4, 1);
        loader.In("new").Take("1", 5);
        loader.In("new").In("deep").Take("2", 5);

        var error = Assert.Throws<WeightsException>(loader.Complete);

        Assert.Equal(["new.1", "new.deep.2"], error.Missing);
        Assert.Equal(["old.1", "old.2"], error.Unexpected);
        Assert.Equal(["a.weight is [2, 3] instead of [3, 2]", "b is [4] instead of [4, 1]"], error.Misshapen);
        foreach (var name in (string[])["new.1", "new.deep.2", "old.1", "old.2", "a.weight is", "b is"])
            Assert.Contains(name, error.Message);
        Assert.StartsWith(source.Path, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Complete_AllowedNames_AreNotUnexpected()
    {
        using var folder = new TempFolder();
        using var source = Source(folder, ("blocks.0.w", [1]), ("blocks.1.w", [1]));
        var loader = new WeightLoader(source, CPU, ScalarType.Float32);
        loader.Allow(name => name.StartsWith("blocks.1.", StringComparison.Ordinal));
        loader.In("blocks.0").Take("w", 1);

        using var weights = loader.Complete();

        Assert.Single(weights.Tensors);
        Assert.Equal(4, weights.Bytes);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void TakeTail_LongerFile_GivesItsLastRows(ScalarType type)
    {
        using var folder = new TempFolder();
        using var source = Source(folder, ("grow", [6, 2]));
        var loader = new WeightLoader(source, CPU, type);
        var tail = loader.TakeTail("grow", 2, 2);

        using var weights = loader.Complete();
        using var values = tail.to(ScalarType.Float32).contiguous();

        Assert.Equal([8, 9, 10, 11], values.data<float>().ToArray());
    }

    [Fact]
    public void WeightSet_SourceAndScopeGone_KeepsTheMemoryOfItsTensors()
    {
        using var folder = new TempFolder();
        WeightSet weights;
        using (NewDisposeScope())
        using (var source = Source(folder, ("w", [1 << 20])))
        {
            var loader = new WeightLoader(source, CPU, ScalarType.Float32);
            loader.Take("w", 1 << 20);
            weights = loader.Complete();
        }
        File.Delete(folder.File("w.safetensors"));

        using (weights)
        {
            Assert.Contains("w.safetensors", File.ReadAllText("/proc/self/maps"));
            Assert.Equal((1 << 20) - 1, weights.Tensors[0][-1].item<float>());
        }
        Assert.DoesNotContain(folder.File("w.safetensors"), File.ReadAllText("/proc/self/maps"));
    }

    [Fact]
    public void Complete_Refused_LetsGoOfTheFile()
    {
        using var folder = new TempFolder();
        using (var source = Source(folder, ("w", [2])))
        {
            var loader = new WeightLoader(source, CPU, ScalarType.Float32);
            loader.Take("w", 3);
            Assert.Throws<WeightsException>(loader.Complete);
        }

        Assert.DoesNotContain(folder.Path, File.ReadAllText("/proc/self/maps"));
    }

    private static SafetensorsFile Source(TempFolder folder, params (string Name, long[] Shape)[] tensors)
    {
        using var scope = NewDisposeScope();
        SafetensorsWriter.Write(
            folder.File("w.safetensors"),
            [
                .. tensors.Select(t => new KeyValuePair<string, Tensor>(t.Name, arange(Scalars.Of(0),
                    Scalars.Of(t.Shape.Aggregate(1L, (a, b) => a * b)), Scalars.One, dtype: ScalarType.Float32).view(t.Shape)))]);
        return SafetensorsFile.Open(folder.File("w.safetensors"));
    }
}
