using StreamDiff.Models;
using StreamDiff.Training.Evaluation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Tests;

/// <summary>The figures of the model card mean what they say.</summary>
public sealed class MeasuresTests
{
    [Fact]
    public void Psnr_OfAKnownError_IsKnown()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(20, Measures.Psnr(zeros([1, 3, 8, 8]), full([1, 3, 8, 8], Scalars.Of(0.1f))), 0.01);
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
        using var motion = new MotionField(still);
        Assert.Equal(0, motion.Flicker(still));
        Assert.True(motion.Flicker(still.add(rand_like(still).mul(Scalars.Of(0.1f)), Scalars.One)) > 0.02);
    }

    [Fact]
    public void Flicker_OfAPictureThatMoves_IsWhatMotionDoesNotExplain()
    {
        using var scope = NewDisposeScope();
        var wide = DataTests.Synthetic(1, 1);
        var width = wide.size(3) - 16;
        var panned = cat(Enumerable.Range(0, 4).Select(i => wide.narrow(3, 4 * i, width)).ToArray());
        using var motion = new MotionField(panned);
        Assert.True(motion.Share > 0.7);
        var difference = panned.narrow(0, 1, 3).sub(panned.narrow(0, 0, 3)).abs().mean().item<float>();
        Assert.True(motion.Flicker(panned) < 0.2 * difference);
        Assert.True(motion.Flicker(panned.mul(tensor(new[] { 1f, 0.8f, 1f, 0.8f }).view(4, 1, 1, 1))) > 0.03);
    }

    [Fact]
    public void Blocking_OfAMosaic_IsSeen()
    {
        using var scope = NewDisposeScope();
        var clip = DataTests.Synthetic(1, 1);
        Assert.True(
            Measures.Blocking(F.interpolate(F.avg_pool2d(clip, [8, 8]), scale_factor: [8, 8], mode: InterpolationMode.Nearest)) > 5);
        Assert.InRange(Measures.Blocking(clip), 0.5, 1.5);
    }
}
