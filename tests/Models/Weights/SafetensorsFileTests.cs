using System.Text;
using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Weights;

public sealed class SafetensorsFileTests
{
    [Fact]
    public void Open_GoldenModel_HoldsTheNumbersOfTheSamePickle()
    {
        using var file = SafetensorsFile.Open(Golden.Path("checkpoints", "diffusion_pytorch_model.safetensors"));

        // The same weights as model.pt, whose names carry the prefix.
        ExpectedTensors.AssertEqual(ExpectedTensors.Of("model.pt"), file, name => name["model.".Length..]);
        Assert.Equal("pt", file.Metadata["format"]);
    }

    [Theory]
    [InlineData("F64", ScalarType.Float64, 8)]
    [InlineData("F32", ScalarType.Float32, 4)]
    [InlineData("F16", ScalarType.Float16, 2)]
    [InlineData("BF16", ScalarType.BFloat16, 2)]
    [InlineData("I64", ScalarType.Int64, 8)]
    [InlineData("I32", ScalarType.Int32, 4)]
    [InlineData("I16", ScalarType.Int16, 2)]
    [InlineData("I8", ScalarType.Int8, 1)]
    [InlineData("U8", ScalarType.Byte, 1)]
    [InlineData("BOOL", ScalarType.Bool, 1)]
    [InlineData("F8_E4M3", (ScalarType)24, 1)]
    [InlineData("F8_E5M2", (ScalarType)23, 1)]
    public void View_EachType_HasItsSizeAndIsReadable(string name, ScalarType type, int size)
    {
        using var folder = new TempFolder();
        using var file = Open(folder, $$$"""{"x":{"dtype":"{{{name}}}","shape":[2,3],"data_offsets":[0,{{{6 * size}}}]}}""", 6 * size);
        using var view = file.View("x");
        using var wide = view.to(ScalarType.Float32);

        Assert.Equal(type, file.TypeOf("x"));
        Assert.Equal([2, 3], view.shape);
        Assert.Equal(new float[6], wide.data<float>().ToArray());
    }

    [Fact]
    public void View_HeaderThatIsNotPadded_IsReadFromAnAlignedCopy()
    {
        using var folder = new TempFolder();
        const string Header = """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""";
        Assert.NotEqual(0, Header.Length % 4);
        using var file = Open(folder, Header, BitConverter.GetBytes(1f).Concat(BitConverter.GetBytes(2f)).ToArray());
        using var view = file.View("x");
        using var converted = file.Read("x", [2], CPU, ScalarType.Float64);

        Assert.Equal(0, TensorMemory.Address(view) % 4);
        Assert.Equal([1f, 2f], view.data<float>().ToArray());
        Assert.Equal([1d, 2d], converted.data<double>().ToArray());
    }

    [Theory]
    [InlineData("""[]""", 0, "not a JSON object")]
    [InlineData("""{"x":""", 0, "not valid JSON")]
    [InlineData("""{} {}""", 0, "something follows")]
    [InlineData("""{"x":5}""", 0, "has no dtype")]
    [InlineData("""{"x":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}""", 8, "unknown dtype C64")]
    [InlineData("""{"x":{"dtype":"F32","data_offsets":[0,4]}}""", 4, "has no shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1]}}""", 4, "has no data_offsets")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "non-negative integers")]
    [InlineData("""{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}""", 4, "non-negative integers")]
    [InlineData("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", 4, "needs 8 bytes and has the offsets [0, 4]")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}""", 4, "needs 4 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}""", 0, "impossible shape")]
    [InlineData("""{"x":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[0,0]}}""", 0, "impossible shape")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]}}""", 1, "needs 1 bytes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", 8, "cut short: it should have")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", 8, "4 more than its header describes")]
    [InlineData("""{"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "leaves a gap")]
    [InlineData(
        """{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "overlaps")]
    [InlineData(
        """{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}""", 6, "misaligned")]
    [InlineData("""{"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}""", 2,
        "is there twice")]
    [InlineData("""{"__metadata__":{"x":5}}""", 0, "is not text")]
    [InlineData("""{"a\nb":{"dtype":"?"}}""", 0, "a?b has the unknown dtype")]
    public void Open_DamagedHeader_SaysWhatIsWrong(string header, int dataBytes, string reason)
    {
        using var folder = new TempFolder();

        var error = Assert.Throws<ModelException>(() => Open(folder, header, dataBytes));

        Assert.Contains(reason, error.Message);
        Assert.StartsWith(folder.File("x.safetensors"), error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Open_HeaderThatIsNotUtf8_IsRefused()
    {
        using var folder = new TempFolder();
        var path = folder.Write("x.safetensors", [8, 0, 0, 0, 0, 0, 0, 0, .. "{\""u8, 0xff, 0xfe, .. "\":1}"u8]);

        Assert.Throws<ModelException>(() => SafetensorsFile.Open(path));
    }

    private static SafetensorsFile Open(TempFolder folder, string header, int dataBytes) => Open(folder, header, new byte[dataBytes]);

    private static SafetensorsFile Open(TempFolder folder, string header, byte[] data)
    {
        var json = Encoding.UTF8.GetBytes(header);
        return SafetensorsFile.Open(folder.Write("x.safetensors", [.. BitConverter.GetBytes((long)json.Length), .. json, .. data]));
    }
}
