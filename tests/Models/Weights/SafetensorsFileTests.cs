using StreamDiff.Models.Weights;

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
}
