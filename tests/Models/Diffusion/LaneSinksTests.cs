using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Tests.Diffusion;

/// <summary>Sinks whose number changes while a stream runs.</summary>
// Beside the tests that count every tensor of the process nothing else may run.
[Collection("tensor count")]
public sealed class LaneSinksTests
{
    private const int L = 4;

    [Fact]
    public void AnyOrderOfTicks_SinksChangeBetweenChunks_GivesTheSame()
    {
        using var world = new LaneWorld();
        int?[] sinks = [2, null, 1, 3, 3, 0, null, null, 2, 3, 1, 0, 3, 2];
        var script = Script.Of(c => c < 9 ? 2 : 3) with { SinkFrames = c => sinks[c] };
        var sequential = world.RunAlone(script, LaneOrder.Sequential);
        AssertSame(sequential, world.RunAlone(script, LaneOrder.StreamBatch));
        for (var seed = 0; seed < 4; seed++)
            AssertSame(sequential, world.RunAlone(script, LaneOrder.Random(seed)));
        var others = world.RunAlone(script with { SinkFrames = _ => null }, LaneOrder.Sequential);
        Assert.True(sequential[^1].Zip(others[^1], (a, b) => Math.Abs(a - b)).Max() > 0.01f);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(3)]
    public void Lane_FewerSinksFromTheStart_WritesAsACacheWithThatMany(int sinks)
    {
        var (roomy, exact) = (Lane(5), Lane(sinks));
        roomy.KeepSinks(sinks);
        Assert.Equal(Ends(exact, 20), Ends(roomy, 20));
    }

    [Fact]
    public void KeepSinks_Fewer_TheOldestFramesGoFirst()
    {
        var lane = Lane(3);
        Ends(lane, 9);
        lane.KeepSinks(1);
        Assert.Equal([2, 3], Ends(lane, 2));
        Assert.Equal(5, Ends(lane, 12).Distinct().Count());
        Assert.Equal([2, 3, 4, 5, 6], Ends(lane, 5).Order());
    }

    [Fact]
    public void KeepSinks_More_TheFramesThereStay()
    {
        var lane = Lane(4);
        lane.KeepSinks(1);
        Ends(lane, 9);
        lane.KeepSinks(4);
        Assert.Equal([5, 6], Ends(lane, 6).Distinct().Order());
    }

    [Fact]
    public void KeepSinks_WhileTheWindowGrows_CountsFromThen()
    {
        var lane = Lane(4);
        Ends(lane, 3);
        lane.KeepSinks(1);
        Assert.Equal([4, 5, 6, 2, 3, 4, 5, 6, 2], Ends(lane, 9));
    }

    [Fact]
    public void KeepSinks_MoreThanTheCacheHas_IsRefused() =>
        Assert.Contains("up to 3 sinks", Assert.Throws<ModelException>(() => Lane(3).KeepSinks(4)).Message, StringComparison.Ordinal);

    private static void AssertSame(float[][] expected, float[][] actual)
    {
        for (var chunk = 0; chunk < expected.Length; chunk++)
            Assert.InRange(expected[chunk].Zip(actual[chunk], (a, b) => Math.Abs(a - b)).Max(), 0, 1e-4f);
    }

    private static CacheLane Lane(int sinks) => new(new CacheGeometry(L, 6, sinks, -1), 2) { RollsByFrame = true };

    // Slots that the next single frames are written to, counted from 1.
    private static int[] Ends(CacheLane lane, int frames) => [.. Enumerable.Range(0, frames).Select(_ =>
    {
        var step = lane.Plan(lane.GlobalEnd, L);
        var end = lane.WriteEnd(step, 1);
        lane.Commit(step, []);
        return end / L;
    })];
}
