using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Control.Steering;

namespace StreamDiff.Pipeline.Tests.Control.Steering;

/// <summary>Changes on ways, in loops and on beats, at thirty frames a second: a chunk of four takes 133 ms.</summary>
public sealed class ScheduleTests
{
    [Fact]
    public void Take_Every_ComesAgainUntilItsEnd()
    {
        var controls = Open("every 3chunks from chunk 1 to chunk 8 seed next", "every 2s steps 1");
        var at = Enumerable.Range(0, 40).Select(c => controls.Take(Span(c))).ToList();
        Assert.Equal([1L, 4, 7], at.SelectMany(a => a).Where(a => a.Change is SeedStepChange).Select(a => a.Chunk));
        // 0, 2 and 4 s: frames 60 and 120 at 30 a second.
        Assert.Equal([0L, 14, 29], at.SelectMany(a => a).Where(a => a.Change is StepsChange).Select(a => a.Chunk));
    }

    [Fact]
    public void Take_Beats_FollowTheTempoAndGoOnWhereItChanges()
    {
        var controls = Open("at 0 tempo 60", "every 1beat seed next", "at beat 2 tempo 120");
        var at = Enumerable.Range(0, 31).SelectMany(c => controls.Take(Span(c))).Where(a => a.Change is SeedStepChange);
        // Beats 0, 1 and 2 at 0, 1 and 2 s, then twice as fast from the beginning of chunk 14, at 1.9 s: beats at 2.45, 2.95, 3.45 s ...
        Assert.Equal([0L, 7, 14, 18, 21, 25, 29], at.Select(a => a.Chunk));
    }

    [Fact]
    public void Take_CountOfBeatsJumps_WhatComesAgainGoesOnFromThere()
    {
        var controls = Open(
            "at 0 tempo 60", "at 2 tempo 60 beat 100", "at 4 tempo 60 beat 6", "every 4beats from beat 2 to beat 110 seed next");
        var at = Enumerable.Range(0, 61).SelectMany(c => controls.Take(Span(c))).Where(a => a.Change is SeedStepChange);
        // Beat 2 at 2 s, where 100 begins, 102 at 4 s, where 6 begins, and 10 at 8 s.
        Assert.Equal([14L, 29, 30, 59], at.Select(a => a.Chunk));
    }

    [Fact]
    public void Take_BlendInSecondsOrBeats_IsWrittenInChunks()
    {
        var controls = Open(
            "at 0 tempo 120", "at 1 noise 0.4 blend 2s ease", "at 2 prompt \"x\" blend 4beats spherical", "at 3 noise 0.3 blend 1");
        Assert.Equal(
            ["tempo 120", "noise 0.4 blend 15 ease", "prompt \"x\" blend 15 spherical", "noise 0.3"],
            Enumerable.Range(0, 40).SelectMany(c => controls.Take(Span(c))).Select(a => a.Change.ToString()));
    }

    [Fact]
    public void Take_Quantized_WaitsForTheBeatButForPauseAndTempo()
    {
        var controls = Open();
        controls.Apply(new TempoChange(60));
        controls.Apply(new QuantizeChange(2));
        Assert.Equal(2, controls.Take(Span(0)).Count);
        controls.Apply(new SeedChange(1));
        controls.Apply(new PauseChange(true));
        Assert.Equal(new PauseChange(true), Assert.Single(controls.Take(Span(1))).Change);
        // The next second beat is at 2 s, within chunk 14.
        var at = Enumerable.Range(2, 20).SelectMany(c => controls.Take(Span(c))).ToList();
        Assert.Equal((new SeedChange(1), 14L), (Assert.Single(at).Change, at[0].Chunk));
    }

    [Fact]
    public void Apply_Taps_MakeATempo()
    {
        var time = new Microsoft.Extensions.Time.Testing.FakeTimeProvider();
        var taps = new TapTempo(time);
        Assert.Null(taps.Tap());
        for (var i = 0; i < 4; i++)
        {
            time.Advance(TimeSpan.FromSeconds(0.5));
            Assert.Equal(new TempoChange(120, IsBeat: true), taps.Tap());
        }
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.Null(taps.Tap());
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(60, taps.Tap()!.Bpm);
    }

    [Fact]
    public void Next_Numbers_GoEvenlyOrEasedAndOnFromWhereTheyAre()
    {
        var courses = new NumberCourses();
        var state = new ControlState(0.2, 2, 0, 3, 0);
        state = courses.Change(state, new NoiseScaleChange(0.6) { Glide = Glide.Of(4) });
        Assert.Equal([0.3, 0.4], Go(2), Close);
        state = courses.Change(state, new NoiseScaleChange(0.8) { Glide = Glide.Of(2, Easing.In) });
        Assert.Equal([0.5, 0.8, 0.8], Go(3), Close);
        state = courses.Change(state, new NoiseScaleChange(0.2) { Glide = Glide.Of(4, Easing.InOut) });
        state = courses.Change(state, new NoiseScaleChange(0.3));
        Assert.Equal([0.3, 0.3], Go(2), Close);

        List<double> Go(int count) => [.. Enumerable.Range(0, count).Select(_ => (state = courses.Next(state)).NoiseScale)];
        static bool Close(double a, double b) => Math.Abs(a - b) < 1e-12;
    }

    [Theory]
    [InlineData("every 3 seed 1", "every needs a length, such as 4beats")]
    [InlineData("every 1.5chunks seed 1", "every needs whole chunks")]
    [InlineData("every 0.001s seed 1", "every needs at least 0.01 of them")]
    [InlineData("every 4beats from 00:10 seed 1", "from and to must be counted in beats")]
    [InlineData("every 4beats quit", "help and quit have no place in a timeline")]
    public void ParseLine_Wrong_SaysWhy(string line, string says) => Assert.StartsWith(
        says, Assert.Throws<FormatException>(() => Timeline.ParseLine(line)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("at beat 4.5 noise 0.4 blend 2beats ease-out")]
    [InlineData("every 4beats from beat 2 to beat 64 preset \"old film\" blend 2s spherical")]
    [InlineData("every 8chunks from chunk 3 seed next")]
    [InlineData("at frame 12 lora dusk 0.5 blend 8 ease-in")]
    public void ToString_Entry_IsTheLine(string line) => Assert.Equal(line, Timeline.ParseLine(line)!.ToString());

    private static StreamControls Open(params string[] lines)
    {
        var problems = new List<string>();
        var controls = new StreamControls(Timeline.Parse(lines, "timeline", problems));
        Assert.Empty(problems);
        controls.Open(ControlLimits.Widest, _ => Task.CompletedTask);
        return controls;
    }

    private static ChunkSpan Span(int chunk)
    {
        var first = chunk == 0 ? 0 : 4 * chunk + 1;
        var last = 4 * chunk + 4;
        return new(chunk, first, last, TimeSpan.FromSeconds((last + 1) / 30.0))
        {
            Begin = TimeSpan.FromSeconds(first / 30.0),
            Length = TimeSpan.FromSeconds((last - first + 1) / 30.0),
        };
    }
}
