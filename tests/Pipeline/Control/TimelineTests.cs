using StreamDiff.Pipeline.Control;

namespace StreamDiff.Pipeline.Tests.Control;

public sealed class TimelineTests
{
    [Theory]
    [InlineData("at 12 noise 0.4", 12)]
    [InlineData("at 12.5 noise 0.4", 12.5)]
    [InlineData("at 00:12 noise 0.4", 12)]
    [InlineData("at 1:02:03.25 noise 0.4", 3723.25)]
    [InlineData("at 90 noise 0.4", 90)]
    public void ParseLine_Time_IsRead(string line, double seconds) =>
        Assert.Equal(new TimelineEntry(new TimelinePoint(Time: TimeSpan.FromSeconds(seconds)), new NoiseScaleChange(0.4)),
            Timeline.ParseLine(line));

    [Fact]
    public void ParseLine_FrameAndChunk_AreRead()
    {
        Assert.Equal(new TimelinePoint(Frame: 120), Timeline.ParseLine("at frame 120 steps 3")!.At);
        Assert.Equal(new TimelinePoint(Chunk: 30), Timeline.ParseLine("at chunk 30 pause")!.At);
    }

    [Fact]
    public void Parse_SeveralWrongLines_NamesEach()
    {
        var problems = new List<string>();
        var timeline = Timeline.Parse(
            ["# a film", "", "at 00:12 prompt \"x\" blend 8", "noise 0.4", "at 00:75 seed 1", "at frame -1 seed 1", "at 3 quit",
                "at 3 noise 7"], "t.txt", problems);
        Assert.Equal(new TimelineEntry(new TimelinePoint(Time: TimeSpan.FromSeconds(12)), new PromptChange("x", 8)),
            Assert.Single(timeline.Entries));
        Assert.Equal(
            [
                "t.txt:4 a line begins with 'at' and a time, such as at 00:12 noise 0.4, not with 'noise'",
                "t.txt:5 '00:75' is no time: write 12, 12.5, 00:12 or 1:02:03.5, or frame N",
                $"t.txt:6 frame must be a whole number from 0 to {long.MaxValue}, not '-1'",
                "t.txt:7 help and quit have no place in a timeline",
                "t.txt:8 noise must be a number from 0.1 to 1, not '7'",
            ], problems);
    }

    [Fact]
    public void Read_NoSuchFile_SaysSo()
    {
        var problems = new List<string>();
        Assert.Empty(Timeline.Read("/nowhere/t.txt", problems).Entries);
        Assert.Equal("timeline /nowhere/t.txt does not exist", Assert.Single(problems));
    }

    [Theory]
    [InlineData(119, false)]
    [InlineData(120, true)]
    [InlineData(121, true)]
    public void IsReached_Frame_FromTheChunkThatHoldsIt(long lastFrame, bool reached) =>
        Assert.Equal(reached, new TimelinePoint(Frame: 120).IsReached(new ChunkSpan(0, lastFrame - 3, lastFrame, TimeSpan.Zero)));

    [Theory]
    [InlineData(11.9, false)]
    [InlineData(12, false)]
    [InlineData(12.01, true)]
    public void IsReached_Time_FromTheChunkThatShowsIt(double end, bool reached) =>
        Assert.Equal(reached, new TimelinePoint(Time: TimeSpan.FromSeconds(12)).IsReached(
            new ChunkSpan(0, 0, 0, TimeSpan.FromSeconds(end))));
}
