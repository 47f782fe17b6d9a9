using StreamDiff.Models.KvCache;
using StreamDiff.Models.Tests.Diffusion;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.KvCache;

public sealed class HeadSplitTests
{
    private const int Tokens = Toy.Rows * Toy.Columns;

    [Theory]
    [InlineData(KeyRotation.Relative, 1, 1, 0.8)]
    [InlineData(KeyRotation.Relative, 2, 2, -1)]
    [InlineData(KeyRotation.Relative, 0, 1, 0.8)]
    [InlineData(KeyRotation.Published, 1, 2, 0.8)]
    public void StreamingHeads_SeeWhatTheWholeWindowShowsThemMasked(KeyRotation rotation, int sinks, int recent, double threshold)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        random.manual_seed(11);
        const int window = 8, heads = 4;
        var config = Toy.Config with { Heads = heads, Dim = 4 * 24, Blocks = 2 };
        var split = new HeadSplit(window, sinks, recent, [[1, 2], []]);
        var geometry = new CacheGeometry(Tokens, window, 3, threshold);
        using var whole = new KvCachePool(config, 2, 2, geometry, rotation, CPU, ScalarType.Float32, rollsByFrame: true);
        using var parts = new KvCachePool(
            config with { HeadSplit = split }, 2, 2, geometry, rotation, CPU, ScalarType.Float32, rollsByFrame: true);
        Assert.Equal(2, parts.Cache(0).Whole!.Heads);
        Assert.Equal([2, (sinks + recent) * Tokens, 2, 24], parts.StreamingBlock(0)!.Value.Keys.shape);
        Assert.Equal([2, (sinks + recent) * Tokens, 4, 24], parts.StreamingBlock(1)!.Value.Keys.shape);
        Assert.Equal(KvCachePool.BytesOf(config with { HeadSplit = split, Blocks = 2 }, .., 2, geometry, rotation, 4), parts.Bytes, 6);

        var refreshes = 0;
        for (var (chunk, frame) = (0, 0); chunk < 40; chunk++)
        {
            // Chunks of one frame, and now and then one that is longer than what streaming heads keep.
            var frames = chunk % 7 == 5 ? 3 : chunk == 0 ? 2 : 1;
            var rows = new[] { new TickRow(0, (long)frame * Tokens), new TickRow(1, (long)frame * Tokens) };
            var expectedPlan = whole.Plan(rows, frames * Tokens);
            var actualPlan = parts.Plan(rows, frames * Tokens);
            for (var block = 0; block < 2; block++)
            {
                Tensor New() => randn([2, frames * Tokens, heads, 24]);
                // Values tell in their last channel which frame they are of; keys lean this way and that, so that sinks adapt.
                var (q, k, v) = (New(), New().add(randn([1, 1, 1, 24]).mul(Scalars.Of(3)), Scalars.One), New());
                for (var f = 0; f < frames; f++)
                    v.narrow(1, f * Tokens, Tokens).select(3, 23).fill_(Scalars.Of(frame + f + 1));
                var expected = Attend(whole, expectedPlan, q, k, v, block);
                var actual = Attend(parts, actualPlan, q, k, v, block);
                var (keys, values) = whole.Block(block);
                for (var row = 0; row < 2; row++)
                    for (var head = 0; head < heads; head++)
                    {
                        var valid = expectedPlan.Steps[row].LocalEnd / Tokens;
                        var marks = Enumerable.Range(0, valid).Select(s => (int)values[row, s * Tokens, 0, 23].item<float>()).ToArray();
                        var seen = split.Retrieval[block].Contains(head)
                            ? [.. Enumerable.Range(0, valid)]
                            : Seen(marks, sinks, Math.Max(recent, marks.Skip(sinks).Count(m => m > frame)));
                        var reference = Reference(q[row, .., head], keys[row, .., head], values[row, .., head], seen);
                        var got = actual[row].view(-1, heads, 24)[.., head].to_type(ScalarType.Float64);
                        Assert.True(got.sub(reference).abs().max().item<double>() < 1e-4 * frame + 1e-4,
                            $"chunk {chunk}, block {block}, head {head}");
                    }
                expected.Dispose();
            }
            whole.Commit(expectedPlan);
            parts.Commit(actualPlan);
            frame += frames;
            whole.Settle();
            refreshes += Enumerable.Range(0, 2).Count(b => frame > window && whole.Lane(0).Written(b)[^1] <= geometry.SinkTokens);
        }
        Assert.Equal(threshold > -1, refreshes > 0);
    }

    [Theory]
    [InlineData(KeyRotation.Relative)]
    [InlineData(KeyRotation.Published)]
    public void LongChunk_BesideAStreamThatBegins_IsThatOfATickOfItsOwn(KeyRotation rotation)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        const int window = 6, heads = 4;
        var config = Toy.Config with { Heads = heads, Dim = 4 * 24, Blocks = 1, HeadSplit = new HeadSplit(window, 2, 1, [[1]]) };
        using var together = New();
        using var apart = New();
        var frame = 0;
        for (; frame < 10; frame++)
        {
            var (q, k, v) = (Random(1, 1), Random(1, 1), Random(1, 1));
            foreach (var pool in new[] { together, apart })
                _ = Tick(pool, [new TickRow(0, (long)frame * Tokens)], q, k, v);
        }

        // The first has fallen behind and takes two frames at once; all of the second's go to the start.
        var (queries, keys, values) = (Random(2, 2), Random(2, 2), Random(2, 2));
        var (late, begins) = (new TickRow(0, (long)frame * Tokens), new TickRow(1, 0));
        var shared = Tick(together, [late, begins], queries, keys, values);
        var alone = new[] { late, begins }
            .Select((row, i) => Tick(apart, [row], queries.narrow(0, i, 1), keys.narrow(0, i, 1), values.narrow(0, i, 1))).ToArray();
        Assert.True(allclose(shared, cat(alone), rtol: 1e-4, atol: 1e-5));

        KvCachePool New() =>
            new(config, 1, 2, new CacheGeometry(Tokens, window, 2, -1), rotation, CPU, ScalarType.Float32, rollsByFrame: true);

        Tensor Random(int rows, int frames) => randn([rows, frames * Tokens, heads, 24]);

        Tensor Tick(KvCachePool pool, TickRow[] rows, Tensor q, Tensor k, Tensor v)
        {
            var plan = pool.Plan(rows, (int)q.size(1));
            // The late row keeps less of its chunk than there is.
            Assert.Equal(rows[0].Lane != 0 || q.size(1) == Tokens, plan.Streaming!.HoldsChunks);
            var attended = Attend(pool, plan, q, k, v, 0);
            pool.Commit(plan);
            pool.Settle();
            return attended;
        }
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(4, 2)]
    public void Split_ThatLeavesNothingOut_GivesTheSameToTheLastBit(int sinks, int recent)
    {
        // All heads hold the window, or the others are allowed as much.
        var split = new HeadSplit(6, sinks, recent, sinks + recent < 6 ? [[0, 1], [0, 1], [0, 1]] : [[1], [], [0]]);
        Script[] scripts = [Script.Of(_ => 2), Script.Of(c => 1 + c % 3)];
        using var plain = new LaneWorld();
        using var same = new LaneWorld(config: Toy.Config with { HeadSplit = split });
        Assert.Equal(plain.Run(scripts, LaneOrder.StreamBatch), same.Run(scripts, LaneOrder.StreamBatch));
    }

    [Fact]
    public void StreamingHeads_InALongerWindow_AreThoseOfTheirOwn()
    {
        // Heads that all stream see the same whatever the others could see: frames, and how far away they are.
        var config = Toy.Config with { HeadSplit = new HeadSplit(6, 3, 2, [[], [], []]) };
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var model = Toy.Model(config: config);
        using var prompt = Toy.Prompt(model);
        var options = Toy.Options(1, KeyRotation.Relative, threshold: -1);
        using var own = model.CreateCache(1, options.Geometry, KeyRotation.Relative, rollsByFrame: true);
        using var longer = model.CreateCache(1, options.Geometry with { WindowFrames = 18 }, KeyRotation.Relative, rollsByFrame: true);
        Assert.Equal(own.Bytes, longer.Bytes);
        for (var frame = 0; frame < 40; frame++)
        {
            var (latents, tick) = (Toy.Latents(1, (ulong)frame), new Tick
            {
                Rows = [new TickRow(0, (long)frame * Tokens)],
                Timesteps = [500],
                Frames = 1,
                GridRows = Toy.Rows,
                GridColumns = Toy.Columns,
                Prompts = [prompt],
            });
            using var expected = model.Forward(latents, tick, own);
            using var actual = model.Forward(latents, tick, longer);
            Assert.True(actual.sub(expected).abs().max().item<float>() < 1e-4 * expected.abs().max().item<float>(), $"frame {frame}");
        }
    }

    [Fact]
    public void Split_OfAnotherNetwork_IsRefused()
    {
        Assert.Contains("3 blocks of 2 heads", Refusal([[0]]), StringComparison.Ordinal);
        Assert.Contains("3 blocks of 2 heads", Refusal([[2], [], []]), StringComparison.Ordinal);
        Assert.Contains("3 blocks of 2 heads", Refusal([[1, 0], [], []]), StringComparison.Ordinal);

        static string Refusal(int[][] retrieval) =>
            Assert.Throws<ModelException>(
                () => Toy.Model(config: Toy.Config with { HeadSplit = new HeadSplit(6, 1, 1, retrieval) })).Message;
    }

    private static Tensor Attend(KvCachePool pool, TickPlan plan, Tensor q, Tensor k, Tensor v, int block)
    {
        // As ticks do it, whose plan is on the device then.
        var attention = new CachedAttention(pool, plan, CPU);
        return attention.Attend(q, k, v, block);
    }

    private static int[] Seen(int[] marks, int sinks, int recent)
    {
        var newest = marks.Skip(sinks).OrderDescending().Take(recent).ToHashSet();
        return [.. Enumerable.Range(0, marks.Length).Where(s => s < sinks || newest.Contains(marks[s]))];
    }

    private static Tensor Reference(Tensor q, Tensor keys, Tensor values, int[] seen)
    {
        var index = tensor(seen.SelectMany(s => Enumerable.Range(s * Tokens, Tokens)).Select(t => (long)t).ToArray());
        var (k, v) = (keys.index_select(0, index).to_type(ScalarType.Float64), values.index_select(0, index).to_type(ScalarType.Float64));
        return q.to_type(ScalarType.Float64).matmul(k.t()).div(Scalars.Of(Math.Sqrt(24))).softmax(-1).matmul(v);
    }
}
