using StreamDiff.Models.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Diffusion;

[CollectionDefinition("tensor count", DisableParallelization = true)]
public sealed class TensorCountDefinition;

public sealed class FlowMatchScheduleTests
{
    [Theory]
    [InlineData(1000)]
    [InlineData(700)]
    [InlineData(0)]
    public void Denoise_OfNoisyWithTrueFlow_GivesTheCleanBack(double timestep)
    {
        using var scope = NewDisposeScope();
        var schedule = new FlowMatchSchedule();
        var (clean, noise) = (randn(3, 4), randn(3, 4));
        var back = schedule.Denoise(schedule.AddNoise(clean, noise, timestep), noise - clean, timestep);
        Assert.True((back - clean).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void SigmaAt_AnyTimestep_IsTheNearest()
    {
        var schedule = new FlowMatchSchedule();
        for (var t = -5.0; t < 1010; t += 3.7)
        {
            var nearest = Enumerable.Range(0, schedule.Steps).MinBy(i => Math.Abs(schedule.TimestepOf(i) - t));
            Assert.Equal(schedule.Sigmas[nearest], schedule.SigmaAt(t));
        }
    }

    [Fact]
    public void Denoise_RowsOfOtherTimesteps_IsRowByRow()
    {
        using var scope = NewDisposeScope();
        var schedule = new FlowMatchSchedule();
        var (noisy, flow) = (randn(3, 4), randn(3, 4));
        var together = schedule.Denoise(noisy, flow, [700, 500, 0]);
        for (var row = 0; row < 3; row++)
        {
            var alone = schedule.Denoise(noisy.narrow(0, row, 1), flow.narrow(0, row, 1), new double[] { 700, 500, 0 }[row]);
            Assert.True(together.narrow(0, row, 1).equal(alone).all().item<bool>());
        }
    }
}
