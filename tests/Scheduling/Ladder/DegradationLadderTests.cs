using CsCheck;
using StreamDiff.Scheduling.Ladder;
using StreamDiff.Scheduling.Slo;

namespace StreamDiff.Scheduling.Tests.Ladder;

public sealed class DegradationLadderTests
{
    private static readonly Degradation[] All = [Degradation.FewerSteps, Degradation.FewerSteps, Degradation.LowerFps, Degradation.Drop];

    [Fact]
    public void Next_ManyMisses_GoesDownInTheUsersOrder()
    {
        var ladder = new DegradationLadder([Degradation.LowerFps, Degradation.FewerSteps, Degradation.Drop], steps: 2);
        Assert.Equal([Degradation.LowerFps, Degradation.FewerSteps, Degradation.Drop], Run(ladder, 0, 20, _ => 0.5).Select(m => m.What));
        Assert.Equal(new Quality(1, false, 1, 0.5, true), ladder.Quality);
    }

    [Fact]
    public void Next_WhatTheModelCannotDo_IsLeftOut()
    {
        var ladder = new DegradationLadder([Degradation.TinyVae, Degradation.LowerResolution, Degradation.FewerSteps], steps: 1);
        Assert.Empty(Run(ladder, 0, 20, _ => 1));
        Assert.Equal(ladder.Full, ladder.Quality);
    }

    [Fact]
    public void Next_CalmAndRoom_Recovers()
    {
        var ladder = new DegradationLadder(All, steps: 3);
        Run(ladder, 0, 10, _ => 0.5);
        var moves = Run(ladder, 10, 60, _ => 0, loadAbove: 0.5);
        Assert.All(moves, m => Assert.False(m.Down));
        Assert.Equal(0, ladder.Level);
    }

    [Fact]
    public void Next_CalmWithoutRoom_StaysDown()
    {
        var ladder = new DegradationLadder(All, steps: 3);
        Run(ladder, 0, 10, _ => 0.5);
        var level = ladder.Level;
        Assert.Empty(Run(ladder, 10, 120, _ => 0, loadAbove: 1.1));
        Assert.Equal(level, ladder.Level);
    }

    [Fact]
    public void Next_RecoveriesThatFail_BecomeRarer()
    {
        // Whole quality always fails, one rung less always works, and the prediction is wrong about it.
        var ladder = new DegradationLadder([Degradation.FewerSteps], steps: 2);
        var moves = new List<LadderMove>();
        for (var second = 0; second < 600; second++)
            if (ladder.Next(TimeSpan.FromSeconds(second), ladder.Level == 0 ? 0.5 : 0, 0.8, 0.5) is { } move)
                moves.Add(move);
        var gaps = moves.Where(m => m.Down).Select(m => m.At.TotalSeconds).ToArray();
        Assert.True(gaps[^1] - gaps[^2] > 3 * (gaps[1] - gaps[0]));
    }

    [Fact]
    public void Next_RecoveriesThatFailByTwoRungs_BecomeRarerToo()
    {
        // Whole quality always fails, and late pictures go on arriving for a while after it was given up.
        var ladder = new DegradationLadder([Degradation.LowerFps, Degradation.Drop], steps: 1);
        var falls = new List<int>();
        for (var second = 0; second < 900; second++)
        {
            var bad = ladder.Level == 0 || (ladder.Level == 1 && falls.Count > 0 && second - falls[^1] < 4);
            if (ladder.Next(TimeSpan.FromSeconds(second), bad ? 0.5 : 0, 0.8, 0.5) is { Down: true } && ladder.Level == 1)
                falls.Add(second);
        }
        Assert.True(falls[^1] - falls[^2] > 3 * (falls[1] - falls[0]), string.Join(", ", falls));
    }

    [Fact]
    public void Next_ARungThatHeldForLong_IsTakenBackSoonTheNextTime()
    {
        var ladder = new DegradationLadder([Degradation.FewerSteps], steps: 2);
        var moves = new List<LadderMove>();
        // Taken back too early again and again; then an hour of calm, and one bad second.
        for (var second = 0; second < 4000; second++)
        {
            var bad = ladder.Level == 0 && (second < 300 || second == 3900);
            if (ladder.Next(TimeSpan.FromSeconds(second), bad ? 0.5 : 0, 0.8, 0.5) is { } move)
                moves.Add(move);
        }
        Assert.Equal((3900, 3905), (moves[^2].At.TotalSeconds, moves[^1].At.TotalSeconds));
        Assert.True(moves[^3].At - moves[^4].At > TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void Next_AnyHistory_LevelStaysOnTheLadderAndMovesAreOneRung() => Gen.Double[0, 0.2].Array[100].Sample(misses =>
    {
        var ladder = new DegradationLadder(All, steps: 4);
        for (var i = 0; i < misses.Length; i++)
        {
            var before = ladder.Level;
            var move = ladder.Next(TimeSpan.FromSeconds(i), misses[i], 0.9, 0.6);
            Assert.Equal(move is null ? 0 : move.Down ? 1 : -1, ladder.Level - before);
            Assert.InRange(ladder.Level, 0, All.Length);
            Assert.InRange(ladder.Quality.Steps, 1, 4);
        }
    });

    private static List<LadderMove> Run(DegradationLadder ladder, int from, int to, Func<int, double> misses, double loadAbove = 1.5)
    {
        var moves = new List<LadderMove>();
        for (var second = from; second < to; second++)
            if (ladder.Next(TimeSpan.FromSeconds(second), misses(second), 1.2, loadAbove) is { } move)
                moves.Add(move);
        return moves;
    }
}
