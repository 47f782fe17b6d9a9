using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;

namespace StreamDiff.Pipeline.Tests.Control.Signals;

public sealed class ModulationTests
{
    [Fact]
    public void Take_Map_FollowsTheSignalWithinItsRange()
    {
        var controls = Open();
        Give(controls, "map midi.cc1 noise 0.2 0.6");
        Assert.Equal(["map midi.cc1 noise 0.2 0.6"], Take(controls, 0));
        Give(controls, "signal midi.cc1 0.5");
        Assert.Equal(["noise 0.4"], Take(controls, 1));
        Assert.Empty(Take(controls, 2));
        // Too little to be seen.
        Give(controls, "signal midi.cc1 0.502");
        Assert.Empty(Take(controls, 3));
        Give(controls, "signal midi.cc1 1");
        Assert.Equal(["noise 0.6"], Take(controls, 4));
        Give(controls, "unmap noise");
        Take(controls, 5);
        Give(controls, "signal midi.cc1 0");
        Assert.Empty(Take(controls, 6));
    }

    [Fact]
    public void Take_SmoothMap_ComesNearerByTwoThirdsInItsTime()
    {
        var controls = Open();
        Give(controls, "signal fader 0");
        Give(controls, "map fader noise 0.2 1 smooth 0.4s");
        Take(controls, 0);
        Give(controls, "signal fader 1");
        // Three chunks of 133 ms.
        var last = Enumerable.Range(1, 3).Select(c => Take(controls, c)[0]).ToList()[^1];
        Assert.InRange(double.Parse(last["noise ".Length..], System.Globalization.CultureInfo.InvariantCulture), 0.69, 0.72);
    }

    [Fact]
    public void Take_Trigger_SetsOffOnceEachTimeItRises()
    {
        var controls = Open();
        Give(controls, "on midi.note36 seed next");
        Take(controls, 0);
        foreach (var (value, chunk, count) in new[] { (1.0, 1, 1), (1, 2, 0), (0, 3, 0), (0.7, 4, 1) })
        {
            Give(controls, FormattableString.Invariant($"signal midi.note36 {value}"));
            Assert.Equal(count, Take(controls, chunk).Count);
        }
        Give(controls, "on midi.note36 off");
        Take(controls, 5);
        Give(controls, "signal midi.note36 0");
        Take(controls, 6);
        Give(controls, "signal midi.note36 1");
        Assert.Empty(Take(controls, 7));
    }

    [Fact]
    public void Take_KeyThatIsLetGoBeforeTheNextChunk_WasPressed()
    {
        var controls = Open();
        Give(controls, "signal midi.note36 1");
        Give(controls, "on midi.note36 seed next");
        Take(controls, 0);
        Take(controls, 1);
        foreach (var value in (double[])[0, 1, 0])
            Give(controls, FormattableString.Invariant($"signal midi.note36 {value}"));
        Assert.Single(Take(controls, 2));
        Assert.Empty(Take(controls, 3));
        Give(controls, "signal midi.note36 1");
        Assert.Single(Take(controls, 4));
        // Let go and pressed once more.
        Give(controls, "signal midi.note36 0");
        Give(controls, "signal midi.note36 1");
        Assert.Single(Take(controls, 5));
        Assert.Empty(Take(controls, 6));
    }

    [Fact]
    public void Take_SignalThatSetsOffSeveral_MakesAllOfThemUntilItSetsOffAnother()
    {
        var controls = Open();
        foreach (var line in (string[])["on midi.note36 also seed 5", "on midi.note36 also mix 0.5", "signal midi.note36 1"])
            Give(controls, line);
        Assert.Equal(["seed 5", "mix 0.5"], Take(controls, 0).TakeLast(2));
        foreach (var line in (string[])["on midi.note36 seed 6", "signal midi.note36 0", "signal midi.note36 1"])
            Give(controls, line);
        Assert.DoesNotContain("mix 0.5", Take(controls, 1));
    }

    [Fact]
    public void Apply_TriggerWithAPresetThatIsNotThere_IsRefusedWhenItIsGiven()
    {
        var controls = Open();
        Assert.Contains("there is no preset named nigth",
            Assert.Throws<ControlException>(() => Give(controls, "on midi.note36 preset nigth")).Message, StringComparison.Ordinal);
        Give(controls, "on midi.note36 preset blueprint");
        Give(controls, "signal midi.note36 1");
        Assert.Contains("prompt \"blueprint\"", Take(controls, 0));
    }

    [Fact]
    public void Apply_LearnedLayer_HasItsPicturesKept()
    {
        var controls = Open();
        Give(controls, "learn mix 0 1");
        Assert.False(controls.NeedsInput);
        Give(controls, "signal midi.cc1 0.5");
        Assert.True(controls.NeedsInput);
    }

    [Fact]
    public void Of_ChunksOfALiveStream_EachBeatIsInOneOfThem()
    {
        // Live frames do not say how long they are shown, and every seventh chunk is left out.
        var clock = new BeatClock();
        var beats = 0;
        for (var chunk = 0; chunk < 300; chunk++)
        {
            if (chunk % 7 == 6)
                continue;
            var begin = TimeSpan.FromSeconds(chunk * 4 / 30.0);
            var span = clock.Of(new ChunkSpan(chunk, 4 * chunk, 4 * chunk + 3, begin + TimeSpan.FromSeconds(0.1001))
            {
                Begin = begin,
                Length = TimeSpan.FromSeconds(4 / 30.0),
            });
            beats += span.HasBeat(1) ? 1 : 0;
        }
        Assert.Equal(80, beats);
    }

    [Fact]
    public void Apply_Learn_MapsTheControllerThatIsMovedNext()
    {
        var controls = Open();
        Give(controls, "learn noise 0.2 0.4");
        // Before the next chunk, as where chunks are long.
        Give(controls, "signal midi.cc7 0");
        Give(controls, "signal midi.cc21 0.5");
        Assert.Equal(["map midi.cc21 noise 0.2 0.4", "noise 0.3"], Take(controls, 0));
    }

    [Fact]
    public void Take_MapOfTheBeat_FallsFromBeatToBeat()
    {
        var controls = Open();
        Give(controls, "map beat noise 0.2 1");
        var values = Enumerable.Range(0, 5).Select(c => Take(controls, c).Last()).ToList();
        // 120 a minute: beats in the chunks of 0 and 0.5 s, and a chunk is about a quarter of that.
        Assert.Equal("noise 1", values[0]);
        Assert.Equal("noise 1", values[3]);
        Assert.InRange(double.Parse(values[1][6..], System.Globalization.CultureInfo.InvariantCulture), 0.7, 0.8);
    }

    [Theory]
    [InlineData("map sound.base noise 0.2 0.4", "there is no signal sound.base: there are sound.level, sound.bass")]
    [InlineData("map sound.bass steps 1 2", "'steps' follows no signal: there are noise, lora, mix, loopback")]
    [InlineData("map sound.bass noise 0.2", "the value at the signal's 1, a number from -10 to 10, is missing")]
    [InlineData("on sound.onset help", "a signal sets off a change")]
    [InlineData("signal a$b 1", "a signal's name has 1 to 64 letters")]
    public void Parse_Wrong_SaysWhy(string line, string says) => Assert.StartsWith(
        says, Assert.Throws<FormatException>(() => ControlLine.ParseChange(line)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("map sound.bass noise 0.25 0.45 smooth 0.2s")]
    [InlineData("map midi.cc1 lora \"my ink\" 0 1")]
    [InlineData("learn noise 0.45 0.25")]
    [InlineData("unmap all")]
    [InlineData("unmap noise")]
    [InlineData("unmap lora ink")]
    [InlineData("on sound.onset prompt \"neon\" blend 2beats")]
    [InlineData("on midi.note36 preset neon blend 4")]
    [InlineData("on midi.note36 also seed next")]
    [InlineData("on midi.note36 off")]
    [InlineData("signal pad/1 0.5")]
    public void Format_Change_IsTheLine(string line) => Assert.Equal(line, ControlLine.ParseChange(line).ToString());

    [Fact]
    public void Apply_MapBeyondWhatTheStreamCan_IsRefused() => Assert.Equal(
        "noise must be from 0.1 to 1, not 2",
        Assert.Throws<ControlException>(() => Give(Open(), "map beat noise 0.2 2")).Message);

    private static void Give(StreamControls controls, string line) => controls.Apply(ControlLine.ParseChange(line));

    private static List<string> Take(StreamControls controls, int chunk)
    {
        var (first, last) = (chunk == 0 ? 0 : 4 * chunk + 1, 4 * chunk + 4);
        return
        [
            .. controls.Take(new ChunkSpan(chunk, first, last, TimeSpan.FromSeconds((last + 1) / 30.0))
            {
                Begin = TimeSpan.FromSeconds(first / 30.0),
                Length = TimeSpan.FromSeconds((last - first + 1) / 30.0),
            }).Select(a => a.Change.ToString()),
        ];
    }

    private static StreamControls Open()
    {
        var controls = new StreamControls();
        controls.Open(ControlLimits.Widest, _ => Task.CompletedTask);
        return controls;
    }
}
