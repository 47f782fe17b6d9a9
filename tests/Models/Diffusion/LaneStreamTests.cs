using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Diffusion;

// Counts every tensor of the process: nothing else may run beside it.
[Collection("tensor count")]
public sealed class LaneStreamTests
{
    private const int Chunks = 14;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void AnyOrderOfTicks_SameChunks_GivesTheSame(int steps)
    {
        using var world = new LaneWorld();
        var script = Script.Of(_ => steps);
        var sequential = world.RunAlone(script, LaneOrder.Sequential);
        AssertSame(sequential, world.RunAlone(script, LaneOrder.StreamBatch));
        for (var seed = 0; seed < 3; seed++)
            AssertSame(sequential, world.RunAlone(script, LaneOrder.Random(seed)));
    }

    [Fact]
    public void AnyOrderOfTicks_EverythingChangesBetweenChunks_GivesTheSame()
    {
        using var world = new LaneWorld();
        int[] steps = [2, 2, 3, 4, 1, 4, 2, 2, 4, 4, 1, 1, 3, 2];
        int[] frames = [2, 1, 1, 2, 1, 3, 1, 1, 1, 2, 2, 1, 3, 1];
        var script = new Script(c => steps[c], c => frames[c], c => c / 3 % 2, c => c > 8 ? 9 : null, c => c > 10 ? 0.5 : null);
        var sequential = world.RunAlone(script, LaneOrder.Sequential);
        AssertSame(sequential, world.RunAlone(script, LaneOrder.StreamBatch));
        for (var seed = 0; seed < 4; seed++)
            AssertSame(sequential, world.RunAlone(script, LaneOrder.Random(seed)));
    }

    [Theory]
    [InlineData(KeyRotation.Published, 0.2)]
    [InlineData(KeyRotation.Relative, -1)]
    public void AnyOrderOfTicks_OtherCaches_GivesTheSame(KeyRotation rotation, double threshold)
    {
        using var world = new LaneWorld(rotation, threshold);
        var script = Script.Of(c => c < 7 ? 2 : 3);
        AssertSame(world.RunAlone(script, LaneOrder.Sequential), world.RunAlone(script, LaneOrder.StreamBatch));
    }

    [Fact]
    public void StreamsInCompany_RandomTicks_GiveWhatTheyGiveAlone()
    {
        using var world = new LaneWorld();
        Script[] scripts = [Script.Of(_ => 2), new Script(c => 1 + c % 4, c => c == 0 ? 2 : 1, c => c % 2, _ => 3, _ => null), Script.Of(_ => 4)];
        var alone = Array.ConvertAll(scripts, s => world.RunAlone(s, LaneOrder.Sequential));
        for (var seed = 0; seed < 3; seed++)
        {
            var together = world.Run(scripts, LaneOrder.Random(seed));
            for (var i = 0; i < scripts.Length; i++)
                AssertSame(alone[i], together[i]);
        }
        Assert.Equal(LaneWorld.Lanes, world.Pool.FreeLanes);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void StreamBatchOrder_WithoutNoise_IsTheStreamBatch(int steps)
    {
        using var inference = inference_mode();
        using var world = new LaneWorld(KeyRotation.Relative, -1, new NoNoise());
        var lanes = world.RunAlone(Script.Of(_ => steps) with { Prompt = _ => 0 }, LaneOrder.StreamBatch);
        using var batch = new StreamBatch(world.Model, world.Prompts[0], new NoNoise(), Toy.Options(steps, KeyRotation.Relative, threshold: -1));
        using var scope = NewDisposeScope();
        var results = new List<Tensor> { batch.Prepare(LaneWorld.Noisy(0, 2)) };
        for (var i = 1; i < Chunks + batch.Delay; i++)
            results.Add(batch.Next(LaneWorld.Noisy(Math.Min(i, Chunks - 1), 1), null));
        results.RemoveRange(1, batch.Delay);
        AssertSame([.. results.Select(r => r.data<float>().ToArray())], lanes);
    }

    [Fact]
    public void Run_ManyTicks_KeepsTheTensorCountFlat()
    {
        using var inference = inference_mode();
        using var world = new LaneWorld();
        using var stream = world.Open(2);
        using var latents = LaneWorld.Noisy(0, 2);
        using var one = LaneWorld.Noisy(1, 1);
        void Feed(int count)
        {
            for (var i = 0; i < count; i++)
            {
                stream.Admit(stream.NextChunk == 0 ? latents : one, new ChunkSettings(world.Prompts[i % 2], i % 5 == 0 ? [700, 500, 400] : [700, 500]));
                if (i % 7 == 0)
                    LaneTick.Run(world.Model, [.. stream.Ready.Select(r => (stream, r))]);
                else
                    LaneOrder.Finish(world.Model, stream);
                while (stream.TryTake(out _, out var clean))
                    clean.Dispose();
            }
            LaneOrder.Finish(world.Model, stream);
            while (stream.TryTake(out _, out var clean))
                clean.Dispose();
        }
        Feed(12);
        using var uncollected = new NoCollection();
        var before = Tensor.TotalCount;
        Feed(200);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Dispose_ChunksInFlight_ReturnsLanesAndTensors()
    {
        using var inference = inference_mode();
        using var world = new LaneWorld();
        using var uncollected = new NoCollection();
        var before = Tensor.TotalCount;
        using (var stream = world.Open(4))
        {
            using var noisy = LaneWorld.Noisy(0, 2);
            stream.Admit(noisy, new ChunkSettings(world.Prompts[0], [700, 500]));
            Assert.Equal(LaneWorld.Lanes - 4, world.Pool.FreeLanes);
        }
        Assert.Equal(LaneWorld.Lanes, world.Pool.FreeLanes);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void Admit_MoreStepsThanLanesAreLeft_SaysHowMany()
    {
        using var inference = inference_mode();
        using var world = new LaneWorld();
        using var first = world.Open(4);
        using var second = world.Open(4);
        using var third = world.Open(3);
        using var noisy = LaneWorld.Noisy(0, 2);
        var error = Assert.Throws<ModelException>(() => third.Admit(noisy, new ChunkSettings(world.Prompts[0], [700, 600, 500, 400, 300])));
        Assert.Contains("5 denoising steps need as many lanes; of the pool's 12 only 4 are free", error.Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => world.Open(2));
    }

    [Fact]
    public void Admit_ChunkLongerThanTheRollingPart_IsRefused()
    {
        using var inference = inference_mode();
        using var world = new LaneWorld();
        using var stream = world.Open(1);
        using var long6 = LaneWorld.Noisy(0, 6);
        Assert.Throws<ModelException>(() => stream.Admit(long6, new ChunkSettings(world.Prompts[0], [700])));
        using var two = LaneWorld.Noisy(0, 2);
        stream.Admit(two, new ChunkSettings(world.Prompts[0], [700]));
        using var four = LaneWorld.Noisy(0, 4);
        Assert.Throws<ModelException>(() => stream.Admit(four, new ChunkSettings(world.Prompts[0], [700])));
    }

    [Fact]
    public void Run_RowThatIsNotReady_IsRefused()
    {
        using var inference = inference_mode();
        using var world = new LaneWorld();
        using var stream = world.Open(2);
        using var two = LaneWorld.Noisy(0, 2);
        using var one = LaneWorld.Noisy(1, 1);
        stream.Admit(two, new ChunkSettings(world.Prompts[0], [700, 500]));
        stream.Admit(one, new ChunkSettings(world.Prompts[0], [700, 500]));
        Assert.Equal([new ReadyRow(0, 0, 2)], stream.Ready);
        Assert.Throws<InvalidOperationException>(() => LaneTick.Run(world.Model, [(stream, new ReadyRow(1, 0, 1))]));
    }

    private static void AssertSame(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var chunk = 0; chunk < expected.Length; chunk++)
        {
            Assert.Equal(expected[chunk].Length, actual[chunk].Length);
            for (var i = 0; i < expected[chunk].Length; i++)
                Assert.True(Math.Abs(expected[chunk][i] - actual[chunk][i]) <= 1e-5, $"chunk {chunk}, value {i}: {expected[chunk][i]} and {actual[chunk][i]}");
        }
    }

    private sealed class NoNoise : IKeyedNoise, INoiseSource
    {
        public Tensor Draw(long seed, long chunk, int step, ReadOnlySpan<long> shape) => zeros(shape.ToArray());

        public Tensor Draw(ReadOnlySpan<long> shape) => zeros(shape.ToArray());

        public void Dispose()
        {
        }
    }
}
