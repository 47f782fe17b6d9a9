using CsCheck;
using StreamDiff.Scheduling.Noise;

namespace StreamDiff.Scheduling.Tests.Noise;

public sealed class NoiseControllerTests
{
    private static readonly NoiseOptions Published = new();

    [Fact]
    public void Options_Defaults_ArePublished() =>
        Assert.Equal(new NoiseOptions { Scale = 0.8, Range = 0.1, ReferenceMotion = 0.2, Momentum = 0.9, TimestepOffset = 100 }, Published);

    [Fact]
    public void Next_StillPicture_StaysAtTheScale() =>
        Assert.Equal(0.8, NoiseController.Next(Published, 0.8, 0).Scale, 12);

    [Fact]
    public void Next_FastestMotion_ConvergesToTheLowerEnd()
    {
        var scale = 0.8;
        for (var i = 0; i < 20; i++)
            scale = NoiseController.Next(Published, scale, 1).Scale;
        Assert.Equal(0.7, scale, 9);
    }

    [Fact]
    public void Next_AnyMotion_StaysInRangeAndFallsWithMotion() =>
        Gen.Select(Gen.Double[0.7, 0.8], Gen.Double[0, 2], Gen.Double[0, 2]).Sample((previous, a, b) =>
        {
            var (slow, fast) = (NoiseController.Next(Published, previous, Math.Min(a, b)),
                NoiseController.Next(Published, previous, Math.Max(a, b)));
            Assert.InRange(slow.Scale, 0.7 - 1e-12, 0.8 + 1e-12);
            Assert.True(fast.Scale <= slow.Scale);
            Assert.Equal((int)(1000 * slow.Scale) - 100, slow.FirstTimestep);
        });
}
