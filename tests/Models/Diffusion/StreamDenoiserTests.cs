using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Diffusion;

[CollectionDefinition("tensor count", DisableParallelization = true)]
public sealed class TensorCountDefinition;

// Counts every tensor of the process: nothing else may run beside it.
[Collection("tensor count")]
public sealed class StreamDenoiserTests
{
    [Fact]
    public void OneStep_StreamBatchAndSequential_AreTheSame()
    {
        var (batch, sequential) = (Run(batch: true, steps: 1, seed: 1), Run(batch: false, steps: 1, seed: 1));
        Assert.Equal(sequential, batch);
    }

    [Fact]
    public void SameSeed_GivesTheSameNumbers_AnotherSeedOthers()
    {
        var first = Run(batch: true, steps: 2, seed: 1);
        Assert.Equal(first, Run(batch: true, steps: 2, seed: 1));
        Assert.NotEqual(first, Run(batch: true, steps: 2, seed: 2));
    }

    [Theory]
    [InlineData(true, 1, 0.2)]
    [InlineData(true, 2, 0.2)]
    [InlineData(true, 4, -1)]
    [InlineData(false, 2, 0.2)]
    public void Next_ManyTicks_KeepsTheTensorCountFlat(bool batch, int steps, double threshold)
    {
        using var inference = inference_mode();
        using var model = Toy.Model();
        using var prompt = Toy.Prompt(model);
        using var noise = new SeededNoise(1, CPU);
        var options = Toy.Options(steps, KeyRotation.Relative, threshold: threshold);
        using StreamDenoiser denoiser = batch ? new StreamBatch(model, prompt, noise, options) : new SequentialDenoiser(model, prompt, noise, options);
        using (var first = Toy.Latents(2, 0))
            denoiser.Prepare(first).Dispose();
        using var latents = Toy.Latents(1, 1);
        for (var i = 0; i < 12; i++)
            denoiser.Next(latents, 650).Dispose();

        using var uncollected = new NoCollection();
        var before = Tensor.TotalCount;
        for (var i = 0; i < 300; i++)
            denoiser.Next(latents, 650).Dispose();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(700)]
    [InlineData(0)]
    public void Denoise_OfNoisyWithTrueFlow_GivesTheCleanBack(double timestep)
    {
        using var scope = NewDisposeScope();
        var schedule = new FlowMatchSchedule();
        var (clean, noise) = (randn(3, 4), randn(3, 4));
        var back = schedule.Denoise(schedule.AddNoise(clean, noise, timestep), noise - clean, timestep);
        Assert.True((back - clean).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void SigmaAt_AnyTimestep_IsTheNearest()
    {
        var schedule = new FlowMatchSchedule();
        for (var t = -5.0; t < 1010; t += 3.7)
        {
            var nearest = Enumerable.Range(0, schedule.Steps).MinBy(i => Math.Abs(schedule.TimestepOf(i) - t));
            Assert.Equal(schedule.Sigmas[nearest], schedule.SigmaAt(t));
        }
    }

    private static float[] Run(bool batch, int steps, long seed)
    {
        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        using var model = Toy.Model();
        using var prompt = Toy.Prompt(model);
        using var noise = new SeededNoise(seed, CPU);
        var options = Toy.Options(steps, KeyRotation.Relative);
        using StreamDenoiser denoiser = batch ? new StreamBatch(model, prompt, noise, options) : new SequentialDenoiser(model, prompt, noise, options);
        denoiser.Prepare(Toy.Latents(2, 0));
        var results = Enumerable.Range(1, 10).Select(i => denoiser.Next(Toy.Latents(1, (ulong)i), 650)).ToArray();
        return cat(results).flatten().data<float>().ToArray();
    }
}
