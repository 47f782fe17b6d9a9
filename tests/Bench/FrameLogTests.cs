using StreamDiff.Bench.Latency;
using StreamDiff.Bench.Reports;
using StreamDiff.Pipeline.Host;

namespace StreamDiff.Bench.Tests;

public sealed class FrameLogTests
{
    private static readonly TimeSpan[] Arrivals = [.. Enumerable.Range(0, 100).Select(i => Ms(100 * i))];

    [Fact]
    public void Figures_LateAndDroppedAndUnfinished_AreToldApart()
    {
        // After one second: 40 frames take 200 ms, then 10 take 600 ms, then 10 never come; the last 30 were still on their way.
        var given = Enumerable.Range(0, 50).Select(i => new FrameTimes(Arrivals[i], Arrivals[i] + Ms(200)))
            .Concat(Enumerable.Range(60, 10).Select(i => new FrameTimes(Arrivals[i], Arrivals[i] + Ms(600)))).ToList();
        var figures = new FrameLog(Arrivals, given, Ms(1000), Ms(10_000), Ms(500)).Figures().ToDictionary(f => f.Name, f => f.Value);
        Assert.Equal(200, figures["latency p50"]);
        Assert.Equal(600, figures["latency p95"]);
        Assert.Equal(600, figures["latency max"]);
        Assert.Equal(100 * 10 / 60.0, figures["late"], 2);
        Assert.Equal(100 * 10 / 60.0, figures["dropped"], 2);
        Assert.Equal(100 * 20 / 60.0, figures["missed"], 2);
        // Handed over from one second to ten, two that arrived before included.
        Assert.Equal(52 / 9.0, figures["fps"], 2);
    }

    [Fact]
    public void Figures_NothingCameOut_IsAllMissed()
    {
        var figures = new FrameLog(Arrivals, [], Ms(0), Ms(1), Ms(1)).Figures();
        Assert.Equal((100, 0), (figures.Single(f => f.Name == "missed").Value, figures.Single(f => f.Name == "fps").Value));
        Assert.DoesNotContain(figures, f => f.Name.StartsWith("latency", StringComparison.Ordinal));
    }

    [Fact]
    public void Jitter_LatencyAlternates_IsTheStep() =>
        Assert.Equal(30, FrameLog.Jitter(Enumerable.Range(0, 10).Select(i => new FrameTimes(Ms(0), Ms(i % 2 == 0 ? 100 : 130)))));

    [Fact]
    public void FirstFrame_Parts_AddUp()
    {
        var figures = StageShares.FirstFrame(Chunk(10, 12, 20, 21, 71, 72, 90, 91), "first frame").ToList();
        Assert.Equal(81, figures[0].Value);
        Assert.Equal(81, figures.Skip(1).Sum(f => f.Value));
        Assert.Equal(50, figures.Single(f => f.Name == "first frame: denoise").Value);
    }

    [Fact]
    public void Chunks_InABatch_TicksAndWaitingAreToldApart()
    {
        // Two steps: a tick of 30 ms every 100 ms; a chunk goes in with one tick and comes out with the next.
        var chunks = Enumerable.Range(0, 10).Select(i => 100 * i)
            .Select(at => Chunk(at, at + 1, at + 5, at + 6, at + 6 + 130, at + 137, at + 140, at + 141)).ToList();
        var figures = StageShares.Chunks(chunks, delay: 1, Ms(300)).ToDictionary(f => f.Name, f => f.Value);
        Assert.Equal(60, figures["chunk: denoise"]);
        Assert.Equal(70, figures["chunk: waiting in the batch"]);
        Assert.Equal(4, figures["chunk: VAE encode"]);
        Assert.Equal(ChunkTrace.Stages, figures.Count);

        // Two chunks: the first fills the batch, the second empties it, and none sees it full.
        Assert.Empty(StageShares.Chunks([.. chunks.Take(2)], delay: 1, Ms(0)));
    }

    [Fact]
    public void Figure_Repetitions_AreMedianAndSpread()
    {
        var joined = Figure.Join(
            [.. ((double[])[3, 1, 8]).Select(v => (IReadOnlyList<Figure>)[Figure.Once("fps", "1/s", Better.Higher, v)])]);
        Assert.Equal([new Figure("fps", "1/s", Better.Higher, 3, 1, 8)], joined);
    }

    // The end of each stage, in their order.
    private static ChunkTrace Chunk(params int[] ends)
    {
        var chunk = new ChunkTrace(Ms(0), Ms(0), form: null!);
        for (var stage = 0; stage < ends.Length; stage++)
            chunk.Ended((ChunkStage)stage, Ms(ends[stage]));
        return chunk;
    }

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
}
