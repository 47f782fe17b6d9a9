using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Denoising;
using StreamDiff.Pipeline.Noising;
using StreamDiff.Pipeline.Ranks;
using StreamDiff.Scheduling.Noise;
using StreamDiff.Scheduling.Placement;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Ranks;

public sealed class RingDenoiserTests
{
    private const double Exact = 1e-5;

    public static TheoryData<int, int, bool> Shapes()
    {
        var data = new TheoryData<int, int, bool>();
        foreach (var ranks in (int[])[1, 2, 3, 4])
            foreach (var steps in (int[])[1, 2, 3, 4])
                data.Add(ranks, steps, true);
        data.Add(2, 2, false);
        data.Add(3, 4, false);
        return data;
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Ring_AnyRanksAndSteps_GivesWhatOneRankGives(int ranks, int steps, bool batch)
    {
        var options = ToyRing.Options(steps);
        var expected = ToyRing.OneRank(options, batch, 14);
        var (ring, threads) = ToyRing.Local(ranks);
        using (threads)
        using (ring)
            Assert.InRange(ToyRing.Distance(expected, ToyRing.Ring(ring, options, batch, 14)), 0, Exact);
    }

    [Theory]
    [InlineData(KeyRotation.Published, 0.2, 3)]
    [InlineData(KeyRotation.Relative, 0.999, 2)]
    [InlineData(KeyRotation.Relative, -1, 5)]
    public void Ring_OtherPositionsSinksAndDepths_GivesWhatOneRankGives(KeyRotation rotation, double threshold, int depth)
    {
        var options = ToyRing.Options(3, rotation, threshold);
        var expected = ToyRing.OneRank(options, batch: true, 60);
        var (ring, threads) = ToyRing.Local(2, depth);
        using (threads)
        using (ring)
            Assert.InRange(ToyRing.Distance(expected, ToyRing.Ring(ring, options, true, 60)), 0, Exact);
    }

    [Fact]
    public void Ring_PromptChange_TakesEffectAtTheSameChunkOnEveryRank()
    {
        var options = ToyRing.Options(3);
        var expected = ToyRing.OneRank(options, batch: true, 16, promptChange: 7);
        var (ring, threads) = ToyRing.Local(3);
        using (threads)
        using (ring)
            Assert.InRange(ToyRing.Distance(expected, ToyRing.Ring(ring, options, true, 16, promptChange: 7)), 0, Exact);
    }

    [Fact]
    public void Ring_StreamsOfDifferentSteps_EachGetsWhatItWouldGetAlone()
    {
        const int chunks = 12;
        var (first, second) = (ToyRing.Options(2), ToyRing.Options(3, threshold: 0.999));
        var expected = new[] { ToyRing.OneRank(first, batch: true, chunks, promptChange: 5), ToyRing.OneRank(second, batch: true, chunks) };
        var (ring, threads) = ToyRing.Local(3);
        using var inference = inference_mode();
        using (threads)
        using (ring)
        using (var one = new ToyStream(ring, first, promptChange: 5))
        using (var other = new ToyStream(ring, second))
        {
            for (var i = 1; i <= chunks; i++)
            {
                one.Feed(i);
                other.Feed(i);
                if (i == 6 && !ring.IsMoving)
                    ring.Move([new(0, 3), new(3, 5), new(5, 6)]);
            }
            Assert.InRange(ToyRing.Distance(expected[0], one.Finish()), 0, Exact);
            Assert.InRange(ToyRing.Distance(expected[1], other.Finish()), 0, Exact);
        }
    }

    [Fact]
    public void ChunkDenoiser_PromptChange_GivesWhatOneRankGives()
    {
        using var inference = inference_mode();
        var options = ToyRing.Options(2);
        using var model = ToyRing.Model.Load(0, ToyRing.Config.Blocks);
        using var before = model.EncodePrompt(ToyRing.Prompt(5));
        using var after = model.EncodePrompt(ToyRing.Prompt(6));
        using var noise = new SeededNoise(1, CPU);
        using var one = new StreamBatch(model, before, noise, options);
        var expected = Chunks(new ChunkDenoiser(one, new ChunkNoiser(new NoiseOptions(), noise)), () => one.Prompt = after);

        var (ring, threads) = ToyRing.Local(2);
        using var noiseOfRing = new SeededNoise(1, CPU);
        using (threads)
        using (ring)
        using (var many = new RankedChunkDenoiser(ring, new ChunkNoiser(new NoiseOptions(), noiseOfRing), noiseOfRing, options, batch: true, ToyRing.Prompt(5), CPU))
            Assert.InRange(ToyRing.Distance(expected, Chunks(many, () => many.ChangePrompt(ToyRing.Prompt(6)))), 0, Exact);
    }

    private static Tensor[] Chunks(IChunkDenoiser denoiser, Action change)
    {
        var results = new List<Tensor>();
        for (var i = 0; i < 20; i++)
        {
            if (i == 9)
                change();
            using var chunk = new LatentChunk(i, ToyRing.Latents(i == 0 ? 2 : 1, (ulong)i), 0.05 * (i % 3), []);
            if (denoiser.Next(chunk) is { } done)
                results.Add(done.Latents);
        }
        while (denoiser.Flush() is { } rest)
            results.Add(rest.Latents);
        return [.. results];
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.999)]
    public void Ring_BlocksMoveBothWays_ChangesNothing(double threshold)
    {
        var options = ToyRing.Options(2, threshold: threshold);
        var expected = ToyRing.OneRank(options, batch: true, 80, promptChange: 33);
        var (ring, threads) = ToyRing.Local(3);
        BlockRange[][] spreads = [[new(0, 3), new(3, 5), new(5, 6)], [new(0, 1), new(1, 4), new(4, 6)], [new(0, 2), new(2, 3), new(3, 6)], [new(0, 2), new(2, 4), new(4, 6)]];
        using (threads)
        using (ring)
        {
            var moves = 0;
            var actual = ToyRing.Ring(ring, options, true, 80, promptChange: 33, beforeChunk: chunk =>
            {
                if (chunk > 3 && !ring.IsMoving)
                    ring.Move(spreads[moves++ % spreads.Length]);
            });
            Assert.True(moves >= 5, $"only {moves} moves happened");
            Assert.InRange(ToyRing.Distance(expected, actual), 0, Exact);
        }
    }

    // libtorch reads numbers and tensors by address: whatever managed object owns them must outlive the call, however busy the finalizer is.
    [Fact]
    public void Ring_FinalizerBusy_GivesWhatOneRankGives()
    {
        using var done = new CancellationTokenSource();
        var collector = new Thread(() =>
        {
            while (!done.IsCancellationRequested)
            {
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
                Thread.Sleep(1);
            }
        });
        collector.Start();
        try
        {
            for (var i = 0; i < 6; i++)
                Ring_AnyRanksAndSteps_GivesWhatOneRankGives(2, 2, batch: i % 2 == 1);
        }
        finally
        {
            done.Cancel();
            collector.Join();
        }
    }
}
