using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Slo;

public sealed class SessionSloTests
{
    [Fact]
    public void FirstFrameLimit_NotGiven_IsTwiceTheDeadline()
    {
        Assert.Equal(TimeSpan.FromSeconds(1), new SessionSlo().FirstFrameLimit);
        Assert.Equal(TimeSpan.FromSeconds(3), new SessionSlo { FirstFrame = TimeSpan.FromSeconds(3) }.FirstFrameLimit);
    }

    [Theory]
    [InlineData(0, 500, 1, "the target rate must be above 0 and at most 1000 pictures a second")]
    [InlineData(double.NaN, 500, 1, "the target rate must be above 0 and at most 1000 pictures a second")]
    [InlineData(16, 0, 1, "the deadline must be above 0 and at most a day")]
    [InlineData(16, 500, 0, "the weight must be at least 1")]
    [InlineData(16, 500, 1, null)]
    public void Problem_WhatCannotBePromised_IsTold(double fps, int deadline, int weight, string? problem) =>
        Assert.Equal(problem, new SessionSlo { TargetFps = fps, Deadline = TimeSpan.FromMilliseconds(deadline), Weight = weight }.Problem);
}
