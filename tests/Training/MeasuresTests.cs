using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Tests;

/// <summary>The figures of the model card mean what they say.</summary>
public sealed class MeasuresTests
{
    [Fact]
    public void Psnr_OfAKnownError_IsKnown()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(20, Measures.Psnr(zeros([1, 3, 8, 8]), full([1, 3, 8, 8], 0.1f)), 0.01);
    }

    [Fact]
    public void EdgeCorrelation_OfTheSamePictureAndOfAnother_IsOneAndSmall()
    {
        using var scope = NewDisposeScope();
        var clip = DataTests.Synthetic(1, 2);
        Assert.Equal(1, Measures.EdgeCorrelation(clip, clip), 0.001);
        Assert.True(Measures.EdgeCorrelation(clip, DataTests.Synthetic(2, 2)) < 0.4);
    }

    [Fact]
    public void Flicker_OfAStillPicture_IsNone()
    {
        using var scope = NewDisposeScope();
        var still = DataTests.Synthetic(1, 1).expand(4, -1, -1, -1);
        Assert.Equal(0, Measures.Flicker(still));
        Assert.True(Measures.Flicker(still.add(rand_like(still).mul(0.1f))) > 0.02);
    }

    [Fact]
    public void Blocking_OfAMosaic_IsSeen()
    {
        using var scope = NewDisposeScope();
        var clip = DataTests.Synthetic(1, 1);
        Assert.True(Measures.Blocking(StyleBank.All.First(s => s.Name == "pixel mosaic").Target(clip)) > 5);
        Assert.InRange(Measures.Blocking(clip), 0.5, 1.5);
    }
}
