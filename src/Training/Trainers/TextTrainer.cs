using StreamDiff.Models;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Data;
using StreamDiff.Training.Optimisation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Trains the text encoder to tell which styles a prompt asks for, at every one of its tokens. Learned together with the transformer it
/// stays silent for thousands of steps, and the transformer learns to paint the mean of all styles; learned beforehand it speaks from the
/// first step on.
/// </summary>
public sealed class TextTrainer(TrainingPlan plan, Model model, Device device)
{
    private static readonly (int First, int Second)[] Mixtures =
        [.. from first in Enumerable.Range(0, StyleBank.All.Count)
            from second in Enumerable.Range(0, StyleBank.All.Count)
            where first != second
            select (first, second)];

    private readonly PromptTokenizer _tokenizer = new(
        SentencePieceTokenizer.Load(model.PathOf(model.Config.Weights.Tokenizer, out _)!), model.Config.Dit.TextLen);

    /// <summary>Trains and writes <paramref name="result"/>, bfloat16.</summary>
    public void Run(string result, CancellationToken cancel)
    {
        using var initial = new RandomWeightSource(plan.Seed);
        using var weights = new TrainableWeights(initial, 4 << 20, device);
        weights.Begin("text");
        using var text = Umt5Encoder.Load(ModelBundle.TextEncoderConfig(model.Config), weights, device, ScalarType.Float32);
        weights.Begin("probe");
        var probe = weights.Read("weight", [StyleBank.All.Count, model.Config.TextEncoder.Dim], device, ScalarType.Float32);
        using var optimiser = new AdamW(weights, averaging: 0.99);
        TrainingLoop.Run(plan, "text", optimiser, ["loss", "right"], (random, _) => Step(text, probe, random), cancel);
        using var half = optimiser.Average.to_type(ScalarType.BFloat16);
        SafetensorsWriter.Write(result, [.. weights.Named(half, "text")]);
    }

    private TrainingLoop.Losses Step(Umt5Encoder text, Tensor probe, Random random)
    {
        var prompts = Enumerable.Range(0, plan.Batch).Select(_ => PromptGrammar.Next(random, Mixtures)).ToArray();
        var (ids, mask) = PromptBatch.Of(_tokenizer, prompts, device);
        var wanted = zeros([prompts.Length, StyleBank.All.Count]);
        for (var i = 0; i < prompts.Length; i++)
            foreach (var style in prompts[i].Styles)
                wanted[i, style] = 1;
        wanted = wanted.to(device);

        // Not at every token of a new network is the answer to be had: the mean over tokens shows the way.
        var logits = F.linear(text.Encode(ids, mask).Embeddings, probe);
        var real = mask.to_type(ScalarType.Float32).unsqueeze(-1);
        var pooled = logits.mul(real).sum(1).div(real.sum(1));
        var everywhere = F.binary_cross_entropy_with_logits(logits, wanted.unsqueeze(1).expand_as(logits), reduction: nn.Reduction.None)
            .mul(real).sum().div(real.sum().mul(Scalars.Of(StyleBank.All.Count)));
        var loss = everywhere.add(F.binary_cross_entropy_with_logits(pooled, wanted), Scalars.One);
        var right = pooled.gt(Scalars.Of(0)).eq(wanted.gt(Scalars.Of(0.5f))).all(1).to_type(ScalarType.Float32).mean();
        return new TrainingLoop.Losses(loss, loss, right);
    }
}
