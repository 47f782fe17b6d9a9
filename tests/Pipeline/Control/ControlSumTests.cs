using StreamDiff.Pipeline.Control;

namespace StreamDiff.Pipeline.Tests.Control;

/// <summary>A stream that begins anew somewhere else is what its changes had made of it.</summary>
public sealed class ControlSumTests
{
    [Theory]
    [InlineData("prompt \"neon\" blend 8; noise 0.3; noise 0.4 blend 2s ease", "prompt \"neon\"; noise 0.4")]
    [InlineData("seed 5; seed next; seed next 3", "seed 5; seed next 4")]
    [InlineData("seed next; seed 7", "seed 7")]
    [InlineData("sinks 2; steps 1; sinks threshold 0.3", "steps 1; sinks 2 threshold 0.3")]
    [InlineData("lora ink 1; lora wash 0.5; lora ink 0", "lora wash 0.5; lora ink 0")]
    [InlineData("preset a; prompt \"x\"; preset b; noise 0.3; preset a", "prompt \"x\"; preset b; noise 0.3; preset a")]
    [InlineData("map beat noise 0.2 0.4; map sound.bass mix 0 1; unmap noise", "map sound.bass mix 0 1")]
    [InlineData("map beat noise 0.2 0.4; map sound.bass mix 0 1; unmap all; noise 0.3", "noise 0.3")]
    [InlineData("on sound.onset seed next; on picture.cut refresh; on sound.onset off", "on picture.cut refresh")]
    [InlineData("on a mix 1; on a also seed next; on b also refresh; on a also mix 0; on b off; mix 1",
        "on a mix 1; on a also seed next; on a also mix 0; mix 1")]
    [InlineData("on a mix 1; on a also seed next; on a mix 0", "on a mix 0")]
    [InlineData("quantize 4; region rect 0.5 0 0.5 1; mix 0.5; tempo 128 now", "region rect 0.5 0 0.5 1; mix 0.5; tempo 128; quantize 4")]
    [InlineData("quantize 4; quantize off; pause; resume", "resume")]
    [InlineData("signal fader 0.5; tap; refresh; loopback 0.5 delay 8; loopback 0.4 delay 9 blend 4", "loopback 0.4 delay 9")]
    public void Of_ManyChanges_IsTheLastOfEach(string lines, string sum) => Assert.Equal(
        sum, string.Join("; ", ControlSum.Of(lines.Split("; ").Select(ControlLine.ParseChange)).Select(c => c.ToString())));

    [Theory]
    [InlineData("map beat noise 0.2 0.4; unmap noise; map beat mix 0 1", "unmap noise; map beat mix 0 1")]
    [InlineData("map beat mix 0 1; unmap all; map beat noise 0.2 0.4", "unmap all; map beat noise 0.2 0.4")]
    [InlineData("on a off; on b mix 1; on b off; on b also mix 0; quantize off; noise 0.3",
        "on a off; on b off; on b also mix 0; noise 0.3; quantize off")]
    public void Of_ChangesOfAStreamThatHadOthers_AlsoTakesAway(string lines, string sum) => Assert.Equal(
        sum,
        string.Join("; ", ControlSum.Of(lines.Split("; ").Select(ControlLine.ParseChange), keepsOff: true).Select(c => c.ToString())));

    [Fact]
    public void IsPassing_WhatHoldsForAMoment()
    {
        string[] passing = ["signal fader 0.5", "tap", "refresh"];
        Assert.All(passing, line => Assert.True(ControlSum.IsPassing(ControlLine.ParseChange(line))));
        Assert.False(ControlSum.IsPassing(ControlLine.ParseChange("noise 0.3")));
    }
}
