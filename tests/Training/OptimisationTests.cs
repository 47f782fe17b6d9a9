using StreamDiff.Models;
using StreamDiff.Models.Loras;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Optimisation;
using StreamDiff.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Tests;

public sealed class OptimisationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("streamdiff-training-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // A former autoencoder goes on as one of squares: its first features at the upper left pixel of each, its colours at all four.
    [Fact]
    public void PatchedStart_SeesAndGivesWhatTheFormerOneDid()
    {
        using var scope = NewDisposeScope();
        var (first, last, bias) = (randn([5, 3, 3, 3]), randn([3, 5, 3, 3]), randn([3]));
        var file = Path.Combine(_folder, "former.safetensors");
        SafetensorsWriter.Write(file, [new("encoder.0.weight", first), new("decoder.22.weight", last), new("decoder.22.bias", bias)]);
        using var former = CheckpointFile.Open(file, StateDictRule.AsStored);
        var start = new PatchedStart(former);

        var picture = rand([1, 3, 12, 16]);
        var features = nn.functional.conv2d(
            nn.functional.pixel_unshuffle(picture, 2), Read("encoder.0.weight", 5, 12, 3, 3), padding: [1, 1]);
        var expected = nn.functional.conv2d(picture, first, padding: [1, 1]).slice(2, 0, 12, 2).slice(3, 0, 16, 2);
        Assert.True(features.sub(expected).abs().max().item<float>() < 1e-5f);

        // On even features; the five that were there, and two that are new.
        var even = randn([1, 5, 1, 1]).expand(-1, -1, 6, 6);
        var given = nn.functional.conv2d(
            cat([even, rand([1, 2, 6, 6])], 1), Read("decoder.22.weight", 12, 7, 3, 3), Read("decoder.22.bias", 12), padding: [1, 1]);
        var colours = nn.functional.conv2d(even, last, bias).select(2, 0).select(2, 0);
        Assert.True(nn.functional.pixel_shuffle(given, 2).sub(colours.view(1, 3, 1, 1)).abs().max().item<float>() < 1e-4f);

        Tensor Read(string name, params long[] shape) => start.Read(name, shape, CPU, ScalarType.Float32);
    }

    [Fact]
    public void Run_ASmallProblem_IsSolved()
    {
        var last = Train("solved", 400, CancellationToken.None);
        Assert.True(last < 1e-3f, $"the loss is still {last}");
    }

    [Fact]
    public void Run_InterruptedAndResumed_EndsAsIfItHadNotStopped()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => Train("resumed", 60, stop.Token, step =>
        {
            if (step == 30)
                stop.Cancel();
        }));
        var resumed = Train("resumed", 60, CancellationToken.None);
        Assert.Equal(Train("straight", 60, CancellationToken.None), resumed);
    }

    [Fact]
    public void Draw_Figures_GivesAPicture()
    {
        Train("curve", 40, CancellationToken.None);
        LossCurves.Draw(Path.Combine(_folder, "curve.csv"));
        Assert.Equal("PNG"u8.ToArray(), File.ReadAllBytes(Path.Combine(_folder, "curve.png"))[1..4]);
    }

    [Fact]
    public void Read_Weights_LieInOneVectorAndKeepTheirNames()
    {
        using var scope = NewDisposeScope();
        using var source = new RandomWeightSource(1);
        using var weights = new TrainableWeights(source, 100, CPU);
        weights.Begin("a");
        var first = weights.Read("one.weight", [2, 3], CPU, ScalarType.Float32);
        weights.Begin("b");
        weights.Read("two.weight", [4], CPU, ScalarType.BFloat16);
        using (no_grad())
            weights.Vector.fill_(Scalars.Of(2));
        Assert.Equal(10, weights.Vector.numel());
        Assert.Equal(12, first.sum().item<float>());
        var (name, tensor) = Assert.Single(weights.Named(weights.Vector, "b"));
        Assert.Equal(("two.weight", 4L), (name, tensor.numel()));
        Assert.Throws<InvalidOperationException>(() => weights.Read("three", [91], CPU, ScalarType.Float32));
    }

    // What an encoder makes others may have learned from: it stays as it is while the decoder is trained.
    [Fact]
    public void Read_WhatIsNotTrained_StaysAndIsWrittenWithTheRest()
    {
        using var scope = NewDisposeScope();
        using var source = new RandomWeightSource(1);
        using var weights = new TrainableWeights(source, 100, CPU, name => name.StartsWith("decoder.", StringComparison.Ordinal));
        weights.Begin("vae");
        var encoder = weights.Read("encoder.weight", [2, 3], CPU, ScalarType.Float32);
        var decoder = weights.Read("decoder.weight", [4], CPU, ScalarType.Float32);
        Assert.Equal((false, true, 4L), (encoder.requires_grad, decoder.requires_grad, weights.Vector.numel()));
        using (no_grad())
            weights.Vector.fill_(Scalars.Of(2));
        var written = weights.Named(weights.Vector, "vae").ToDictionary();
        Assert.Equal(["encoder.weight", "decoder.weight"], written.Keys);
        Assert.Equal(0, encoder.sub(written["encoder.weight"]).abs().max().item<float>());
        Assert.Equal(8, written["decoder.weight"].sum().item<float>());
    }

    [Fact]
    public void Lora_OfASmallProblem_IsFoundAndWritesWhatItTrained()
    {
        using var scope = NewDisposeScope();
        const string Name = "blocks.0.self_attn.q.weight";
        using var source = new RandomWeightSource(1);
        using var lora = new TrainableLora(source, rank: 2, capacity: 100);
        var plain = lora.Read("head.head.weight", [4, 4], CPU, ScalarType.Float32);
        var trained = lora.Read(Name, [6, 5], CPU, ScalarType.Float32);
        Assert.Equal((false, true, 2 * 11L), (plain.requires_grad, trained.requires_grad, lora.Vector.numel()));
        var start = trained.detach().clone();
        var wanted = start.add(randn(6, 2).matmul(randn(2, 5)), Scalars.Of(0.3));
        using var optimiser = new AdamW(lora, averaging: 0.5);
        for (var step = 0; step < 600; step++)
            optimiser.Step(trained.sub(wanted).pow(Scalars.Of(2)).mean(), 0.03);
        Assert.InRange(trained.sub(wanted).abs().max().item<float>(), 0, 0.05);

        var file = Path.Combine(_folder, "a.safetensors");
        SafetensorsWriter.Write(file, [.. lora.Named(lora.Vector)]);
        using var set = LoraSet.Open([new LoraChoice(file)], new Dictionary<string, long[]> { [Name] = [6, 5] }, isLive: false);
        using var merged = new LoraWeightSource(source, set).Read(Name, [6, 5], CPU, ScalarType.Float32);
        // It is stored in bfloat16.
        Assert.InRange(merged.sub(trained.detach()).abs().max().item<float>(), 0, 0.02);
        Assert.InRange(merged.sub(start).abs().max().item<float>(), 0.2, 5);
    }

    // Finds a matrix from what it makes of random vectors; the loss of the last step.
    private float Train(string name, long steps, CancellationToken cancel, Action<long>? before = null)
    {
        using var scope = NewDisposeScope();
        using var source = new RandomWeightSource(1);
        using var weights = new TrainableWeights(source, 64, CPU);
        weights.Begin("x");
        var matrix = weights.Read("weight", [4, 4], CPU, ScalarType.Float32);
        using var optimiser = new AdamW(weights);
        var plan = new TrainingPlan { Folder = _folder, Steps = steps, Batch = 1, Clips = 1, Rate = 0.05, LogEvery = 10 };
        var last = float.NaN;
        TrainingLoop.Run(plan, name, optimiser, ["loss"], (_, step) =>
        {
            before?.Invoke(step);
            var x = randn([8, 4]);
            var loss = matrix.matmul(x.t()).sub(x.t().mul(Scalars.Of(2f))).pow(Scalars.Of(2)).mean();
            last = loss.item<float>();
            return new TrainingLoop.Losses(loss, loss);
        }, cancel);
        return last;
    }
}
