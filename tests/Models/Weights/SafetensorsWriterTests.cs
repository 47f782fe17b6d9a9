using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

public sealed class SafetensorsWriterTests
{
    [Fact]
    public void Write_AllKindsOfTensors_ComeBackEqual()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var matrix = arange(Scalars.Of(0), Scalars.Of(24), Scalars.One, dtype: ScalarType.Float32).view(4, 6);
        var tensors = new Dictionary<string, Tensor>
        {
            ["bool"] = tensor(new[] { true, false, true }),
            ["transposed"] = matrix.t(),
            ["slice"] = matrix[1.., 2..5],
            ["bfloat16"] = matrix.to(ScalarType.BFloat16),
            ["float8"] = matrix.to(ElementTypes.Float8E4M3),
            ["int64"] = tensor(new long[] { 1, -2 }),
            ["empty"] = zeros(0, 3),
            ["scalar \"ü\"\n"] = tensor(2.5),
            ["parameter"] = ones(2, requires_grad: true),
        };

        SafetensorsWriter.Write(folder.File("x.safetensors"), tensors, new Dictionary<string, string> { ["step"] = "5" });

        using var file = SafetensorsFile.Open(folder.File("x.safetensors"));
        Assert.Equal("5", file.Metadata["step"]);
        Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), file.Names.Order(StringComparer.Ordinal));
        foreach (var (name, expected) in tensors)
        {
            Assert.Equal(expected.dtype, file.TypeOf(name));
            Assert.Equal(expected.shape, file.ShapeOf(name)!);
            Assert.True(file.View(name).to(ScalarType.Float64).equal(expected.to(ScalarType.Float64)).all().item<bool>(), name);
        }
        Assert.Equal([folder.File("x.safetensors")], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Write_Header_IsAlignedToEightBytes()
    {
        using var folder = new TempFolder();
        using var one = ones(1);
        for (var length = 1; length <= 8; length++)
        {
            SafetensorsWriter.Write(folder.File("x.safetensors"), [new(new string('n', length), one)]);
            Assert.Equal(0, BitConverter.ToInt64(File.ReadAllBytes(folder.File("x.safetensors"))) % 8);
        }
    }

    [Fact]
    public void Write_NothingThatCanBeStored_IsRefusedAndLeavesNoFile()
    {
        using var folder = new TempFolder();
        using var one = ones(1);
        using var complex = one.to(ScalarType.ComplexFloat32);
        var path = folder.File("x.safetensors");

        Assert.Contains("used twice", Refusal([new("a", one), new("a", one)]));
        Assert.Contains("reserved", Refusal([new("__metadata__", one)]));
        Assert.Contains("no type for", Refusal([new("a", complex)]));
        Assert.Empty(Directory.GetFiles(folder.Path));
        path = folder.File("missing/x.safetensors");
        Assert.Contains("cannot be written", Refusal([new("a", one)]));

        string Refusal(KeyValuePair<string, Tensor>[] tensors) =>
            Assert.Throws<ModelException>(() => SafetensorsWriter.Write(path, tensors)).Message;
    }
}
