using CsCheck;
using StreamDiff.Scheduling.Admission;
using StreamDiff.Scheduling.Latency;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Admission;

public sealed class AdmissionControlTests
{
    // One row takes 24 ms, whatever else runs with it.
    private static readonly AdmissionControl Control = new(new LatencyModel(new LatencyTerms(0, 1e-4, 0, 0, 0)), maxLanes: 8);
    private static readonly SessionDemand Usual = new(new SessionSlo { TargetFps = 16, Deadline = TimeSpan.FromSeconds(1) }, Steps: 2,
        FrameTokens: 240, CachedFrames: 4, VaeTime: TimeSpan.Zero);

    [Fact]
    public void Ask_RoomForAll_Admits()
    {
        var verdict = Control.Ask([Usual, Usual], Usual);
        Assert.True(verdict.Admitted);
        Assert.Equal(3 * 4 * 2 * 0.024, verdict.Load, 0.001);
    }

    [Fact]
    public void Load_CodingOnProcessorsOfItsOwn_CountsWhereThereIsMoreOfIt()
    {
        SessionDemand[] two = [Usual with { VaeTime = TimeSpan.FromSeconds(0.06) }, Usual with { VaeTime = TimeSpan.FromSeconds(0.06) }];
        var model = new LatencyModel(new LatencyTerms(0, 1e-4, 0, 0, 0));
        Assert.Equal(2 * 4 * (2 * 0.024 + 0.06), new AdmissionControl(model, 8).Load(two), 0.001);
        Assert.Equal(2 * 4 * 0.06, new AdmissionControl(model, 8, codingWorkers: 1).Load(two), 0.001);
        Assert.Equal(2 * 4 * 2 * 0.024, new AdmissionControl(model, 8, codingWorkers: 2).Load(two), 0.001);
    }

    [Fact]
    public void Ask_TooMuch_SaysWhatWouldFit()
    {
        var verdict = Control.Ask([Usual, Usual, Usual, Usual], Usual);
        Assert.False(verdict.Admitted);
        Assert.Equal("it would load the device to 96 %, 90 % is the most: with 1 step it fits now", verdict.Reason);
    }

    [Fact]
    public void Ask_DeadlineThatCannotBeKept_SaysSo()
    {
        var verdict = Control.Ask(
            [], Usual with { Slo = Usual.Slo with { Deadline = TimeSpan.FromMilliseconds(250), FirstFrame = TimeSpan.FromSeconds(1) } });
        Assert.False(verdict.Admitted);
        Assert.Contains("even alone they take", verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Ask_FirstPictureThatCannotBeInTime_SaysSo()
    {
        // A tick that runs, then two of two latent frames each: 24 + 2 * 48 ms.
        var hurried = Usual with { Slo = Usual.Slo with { FirstFrame = TimeSpan.FromMilliseconds(119) } };
        Assert.Equal(
            "its first picture would take 120 ms, 119 ms are promised: even alone it takes 120 ms", Control.Ask([], hurried).Reason);
        Assert.True(Control.Ask([], hurried with { Slo = hurried.Slo with { FirstFrame = TimeSpan.FromMilliseconds(121) } }).Admitted);
        Assert.EndsWith("it fits when another session ends",
            Control.Ask([Usual], hurried with { Slo = hurried.Slo with { FirstFrame = TimeSpan.FromMilliseconds(121) } }).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Ask_NewcomerWhoWouldMakeOthersLate_IsRefused()
    {
        var tight = Usual with { Slo = Usual.Slo with { Deadline = TimeSpan.FromMilliseconds(270) } };
        Assert.True(Control.Ask([], tight).Admitted);
        Assert.Contains("a running session", Control.Ask([tight], Usual).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Ask_MoreSessions_NeverLoadLess() =>
        Gen.Select(Gen.Int[0, 6], Gen.Int[1, 4], Gen.Double[4, 30]).Sample((count, steps, fps) =>
    {
        var newcomer = Usual with { Steps = steps, Slo = Usual.Slo with { TargetFps = fps } };
        SessionDemand[] running = [.. Enumerable.Repeat(Usual, count)];
        Assert.True(Control.Ask(running, newcomer).Load >= Control.Load(running));
        // Who is admitted beside many is admitted beside fewer.
        if (count > 0 && Control.Ask(running, newcomer).Admitted)
            Assert.True(Control.Ask(running[1..], newcomer).Admitted);
    });
}
