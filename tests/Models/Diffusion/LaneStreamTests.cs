using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
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
        Script[] scripts =
        [
            Script.Of(_ => 2),
            new Script(c => 1 + c % 4, c => c == 0 ? 2 : 1, c => c % 2, _ => 3, _ => null),
            Script.Of(_ => 4),
        ];
        var alone = Array.ConvertAll(scripts, s => world.RunAlone(s, LaneOrder.Sequential));
        for (var seed = 0; seed < 3; seed++)
        {
            var together = world.Run(scripts, LaneOrder.Random(seed));
            for (var i = 0; i < scripts.Length; i++)
                AssertSame(alone[i], together[i]);
        }
        Assert.Equal(LaneWorld.Lanes, world.Pool.FreeLanes);
    }

    [Fact]
    public void OnOneLane_EverythingChangesBetweenChunks_EachChunkSeesWhatTheLastStepLeft()
    {
        int[] steps = [2, 3, 1, 4, 2, 2, 3, 1, 4, 2, 2, 3, 1, 2];
        int[] frames = [2, 1, 3, 1, 2, 1, 1, 3, 1, 2, 1, 1, 2, 1];
        var script = new Script(c => steps[c], c => frames[c], c => c / 3 % 2, _ => null, _ => null) { OnOneLane = true };
        using var world = new LaneWorld();
        var alone = world.RunAlone(script, LaneOrder.Sequential);
        for (var seed = 0; seed < 3; seed++)
            AssertSame(alone, world.RunAlone(script, LaneOrder.Random(seed)));
        // In company of a stream with a lane for each step, whose rows look at their sinks in the same ticks.
        Script[] both = [script, Script.Of(c => 1 + c % 3)];
        var other = world.RunAlone(both[1], LaneOrder.Sequential);
        var together = world.Run(both, LaneOrder.Random(7));
        AssertSame(alone, together[0]);
        AssertSame(other, together[1]);
        Assert.Equal(LaneWorld.Lanes, world.Pool.FreeLanes);
    }

    [Fact]
    public void OneStep_OnOneLane_IsTheStreamBatch()
    {
        using var world = new LaneWorld();
        var lanes = world.RunAlone(Script.Of(_ => 1), LaneOrder.StreamBatch);
        AssertSame(lanes, world.RunAlone(Script.Of(_ => 1) with { OnOneLane = true }, LaneOrder.StreamBatch));
    }

    [Fact]
    public void SameSeed_GivesTheSame_AnotherSeedOthers()
    {
        using var world = new LaneWorld();
        var first = world.RunAlone(Script.Of(_ => 2), LaneOrder.StreamBatch);
        AssertSame(first, world.RunAlone(Script.Of(_ => 2), LaneOrder.StreamBatch));
        var other = world.RunAlone(Script.Of(_ => 2) with { Seed = _ => 99 }, LaneOrder.StreamBatch);
        Assert.True(first[^1].Zip(other[^1], (a, b) => Math.Abs(a - b)).Max() > 0.01f);
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
                stream.Admit(stream.NextChunk == 0 ? latents : one,
                    new ChunkSettings(world.Prompts[i % 2], i % 5 == 0 ? [700, 500, 400] : [700, 500]));
                if (i % 7 == 0)
                    world.Ticks.Run([.. stream.Ready.Select(r => (stream, r))]);
                else
                    LaneOrder.Finish(world.Ticks, stream);
                while (stream.TryTake(out _, out var clean))
                    clean.Dispose();
            }
            LaneOrder.Finish(world.Ticks, stream);
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
        using var long7 = LaneWorld.Noisy(0, 7);
        Assert.Throws<ModelException>(() => stream.Admit(long7, new ChunkSettings(world.Prompts[0], [700])));
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
        Assert.Throws<InvalidOperationException>(() => world.Ticks.Issue([(stream, new ReadyRow(1, 0, 1))]));
    }

    private static void AssertSame(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var chunk = 0; chunk < expected.Length; chunk++)
        {
            Assert.Equal(expected[chunk].Length, actual[chunk].Length);
            for (var i = 0; i < expected[chunk].Length; i++)
                Assert.True(Math.Abs(expected[chunk][i] - actual[chunk][i]) <= 1e-5,
                    $"chunk {chunk}, value {i}: {expected[chunk][i]} and {actual[chunk][i]}");
        }
    }
}
