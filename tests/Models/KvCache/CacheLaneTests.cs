using CsCheck;
using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Tests.KvCache;

public sealed class CacheLaneTests
{
    private static readonly Gen<CacheGeometry> Geometries =
        Gen.Select(Gen.Int[1, 30], Gen.Int[2, 12])
            .SelectMany((tokens, window) => Gen.Int[0, window - 1].Select(sinks => new CacheGeometry(tokens, window, sinks, -1)));

    [Fact]
    public void Commit_AnyStream_StaysInsideTheCache() =>
        Geometries.Select(Gen.Int[1, 3], Gen.Int[1, 60]).Sample((geometry, first, chunks) =>
        {
            var lane = new CacheLane(geometry, 1);
            var position = 0L;
            foreach (var frames in Enumerable.Repeat(1, chunks).Prepend(Math.Min(first, geometry.WindowFrames)))
            {
                var step = lane.Plan(position, frames * geometry.FrameTokens);
                var end = lane.WriteEnd(step, 0);
                Assert.InRange(step.LocalEnd, lane.LocalEnd, geometry.Capacity);
                Assert.InRange(end, step.Tokens, geometry.Capacity);
                Assert.Equal(0, end % geometry.FrameTokens);
                Assert.True(end <= step.LocalEnd);
                lane.Commit(step, []);
                Assert.All(lane.Queue(0).Ends, e => Assert.InRange(e, geometry.FrameTokens, geometry.Capacity));
                position += step.Tokens;
            }
        });

    [Fact]
    public void Commit_FullWithoutRefresh_KeepsSinksAndGoesRound() =>
        Geometries.Sample(geometry =>
        {
            var lane = Filled(geometry);
            var rolling = lane.Queue(0).Count;
            var written = new List<int>();
            for (var i = 0; i < 2 * rolling; i++)
                written.Add(Advance(lane, geometry, []));
            Assert.All(written, end => Assert.True(end > geometry.SinkTokens));
            Assert.Equal(rolling, written.Take(rolling).Distinct().Count());
            Assert.Equal(written.Take(rolling), written.Skip(rolling));
        });

    [Fact]
    public void Commit_RefreshedSink_IsOverwrittenNextAndLeavesTheQueue()
    {
        var geometry = new CacheGeometry(4, 6, 3, 0.2);
        var lane = Filled(geometry);
        var before = lane.Queue(0).Ends.ToArray();

        var step = lane.Plan(lane.GlobalEnd, 4);
        Assert.True(step.ChecksSinks);
        lane.Commit(step, [1]);

        Assert.Equal(before, lane.Queue(0).Ends);
    }

    [Fact]
    public void Commit_RefreshWhileGrowing_IsKeptForTheFirstOverwrite()
    {
        var geometry = new CacheGeometry(4, 4, 2, 0.2);
        var lane = new CacheLane(geometry, 1);
        for (var frame = 0; frame < 4; frame++)
            lane.Commit(lane.Plan(frame * 4, 4), [frame == 2 ? 0 : CacheLane.NoRefresh]);
        var step = lane.Plan(16, 4);
        Assert.True(step.Full);
        Assert.Equal(4, lane.WriteEnd(step, 0));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Visits_EveryStepOfAChunk_WritesTheSameSlot(int steps)
    {
        var lane = Filled(new CacheGeometry(4, 6, 3, -1));
        for (var chunk = 0; chunk < 5; chunk++)
        {
            var ends = new List<int>();
            var position = lane.GlobalEnd;
            for (var i = 0; i < steps; i++)
            {
                var step = lane.Plan(new TickRow(0, position, Visit: i, Visits: steps), 4);
                ends.Add(lane.WriteEnd(step, 0));
                lane.Commit(step, []);
            }
            Assert.Single(ends.Distinct());
        }
    }

    [Fact]
    public void Visits_FramesThatRoll_AnyChunks_WriteWhatTheFirstStepWrote() =>
        Gen.Select(Geometries, Gen.Int[1, 4].Array[1, 40], Gen.Int[1, 4]).Sample((geometry, chunks, steps) =>
        {
            var lane = new CacheLane(geometry with { SinkThreshold = 0.2 }, 1) { RollsByFrame = true };
            foreach (var (frames, chunk) in chunks.Select((f, i) => (Math.Min(f, geometry.WindowFrames - geometry.SinkFrames), i)))
            {
                var (position, tokens) = (lane.GlobalEnd, frames * geometry.FrameTokens);
                int[] first = [];
                for (var visit = 0; visit < steps; visit++)
                {
                    var step = lane.Plan(new TickRow(0, position, Visit: visit, Visits: steps), tokens);
                    int[] ends = step.Full && frames > 1 ? lane.FrameEnds(step, 0) : [lane.WriteEnd(step, 0)];
                    var refreshes = step is { ChecksSinks: true, Full: true } && geometry.SinkFrames > 0 && chunk % 3 == 0;
                    if (refreshes)
                        ends = [geometry.FrameTokens];
                    lane.Commit(step, refreshes ? [0] : []);
                    first = visit == 0 ? ends : first;
                    Assert.Equal(first, ends);
                    Assert.Equal(visit > 0, step.Repeats);
                    Assert.Equal(position + tokens, lane.GlobalEnd);
                }
            }
        });

    [Fact]
    public void Plan_Twice_ChangesNothing()
    {
        var lane = Filled(new CacheGeometry(4, 6, 3, -1));
        var (first, second) = (lane.Plan(lane.GlobalEnd, 4), lane.Plan(lane.GlobalEnd, 4));
        Assert.Equal(first, second);
    }

    [Fact]
    public void Plan_ChunkLargerThanTheCache_SaysSo() =>
        Assert.Contains("larger window",
            Assert.Throws<ModelException>(() => new CacheLane(new CacheGeometry(4, 2, 0, -1), 1).Plan(0, 12)).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData(3, 3)]
    [InlineData(2, 5)]
    public void Geometry_NoFrameLeftToRoll_IsRefused(int window, int sinks) =>
        Assert.Throws<ModelException>(() => new CacheGeometry(4, window, sinks, -1).Checked());

    [Fact]
    public void WindowOrder_FullCache_IsAPermutationThatEndsWithTheNewChunk() =>
        Geometries.Select(Gen.Int[0, 20]).Sample((geometry, more) =>
        {
            var lane = Filled(geometry);
            for (var i = 0; i < more; i++)
                Advance(lane, geometry, []);
            var step = lane.Plan(lane.GlobalEnd, geometry.FrameTokens);
            // As planned, and redirected to each sink.
            foreach (var end in Enumerable.Range(1, geometry.SinkFrames).Select(s => s * geometry.FrameTokens)
                .Append(lane.WriteEnd(step, 0)))
            {
                var places = new short[geometry.WindowFrames];
                WindowOrder.Fill(geometry, lane.Queue(0), step, end, places);
                Assert.Equal(Enumerable.Range(0, places.Length).Select(i => (short)i), places.Order());
                Assert.Equal(places.Length - 1, places[end / geometry.FrameTokens - 1]);
            }
        });

    private static CacheLane Filled(CacheGeometry geometry)
    {
        var lane = new CacheLane(geometry, 1);
        for (var frame = 0; frame < geometry.WindowFrames; frame++)
            lane.Commit(lane.Plan((long)frame * geometry.FrameTokens, geometry.FrameTokens), []);
        // The first overwrite settles what rolls.
        Advance(lane, geometry, []);
        return lane;
    }

    private static int Advance(CacheLane lane, CacheGeometry geometry, int[] refreshed)
    {
        var step = lane.Plan(lane.GlobalEnd, geometry.FrameTokens);
        var end = lane.WriteEnd(step, 0);
        lane.Commit(step, refreshed);
        return end;
    }
}
