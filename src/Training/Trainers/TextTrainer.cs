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
/// Trains the text encoder to tell which styles, colours and strength a prompt asks for, at every one of its tokens. Learned together with
/// the transformer it stays silent for thousands of steps, and the transformer learns to paint the mean of all styles; learned beforehand
/// it speaks from the first step on.
/// </summary>
public sealed class TextTrainer(TrainingPlan plan, Model model, Device device)
{
    private const int Looks = 64;

    // Styles, colours, and the two strengths.
    private static readonly int Classes = StyleBank.All.Count + ColourBank.All.Count + 2;

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
        var probe = weights.Read("weight", [Classes, model.Config.TextEncoder.Dim], device, ScalarType.Float32);
        using var optimiser = new AdamW(weights, averaging: 0.99);
        TrainingLoop.Run(plan, "text", optimiser, ["loss", "right"], (random, _) => Step(text, probe, random), cancel);
        using var half = optimiser.Average.to_type(ScalarType.BFloat16);
        SafetensorsWriter.Write(result, [.. weights.Named(half, "text")]);
    }

    private TrainingLoop.Losses Step(Umt5Encoder text, Tensor probe, Random random)
    {
        var looks = Enumerable.Range(0, Looks).Select(_ => PromptGrammar.Special(random)).ToArray();
        var prompts = Enumerable.Range(0, plan.Batch).Select(_ => PromptGrammar.Next(random, looks)).ToArray();
        var (ids, mask) = PromptBatch.Of(_tokenizer, prompts, device);
        var wanted = zeros([prompts.Length, Classes]);
        for (var i = 0; i < prompts.Length; i++)
            foreach (var place in Asked(prompts[i].Look))
                wanted[i, place] = 1;
        wanted = wanted.to(device);

        // Not at every token of a new network is the answer to be had: the mean over tokens shows the way.
        var logits = F.linear(text.Encode(ids, mask).Embeddings, probe);
        var real = mask.to_type(ScalarType.Float32).unsqueeze(-1);
        var pooled = logits.mul(real).sum(1).div(real.sum(1));
        var everywhere = F.binary_cross_entropy_with_logits(logits, wanted.unsqueeze(1).expand_as(logits), reduction: nn.Reduction.None)
            .mul(real).sum().div(real.sum().mul(Scalars.Of(Classes)));
        var loss = everywhere.add(F.binary_cross_entropy_with_logits(pooled, wanted), Scalars.One);
        var right = pooled.gt(Scalars.Of(0)).eq(wanted.gt(Scalars.Of(0.5f))).all(1).to_type(ScalarType.Float32).mean();
        return new TrainingLoop.Losses(loss, loss, right);
    }

    private static IEnumerable<int> Asked(Look look)
    {
        foreach (var style in look.Styles)
            yield return style;
        foreach (var colour in look.Colours)
            yield return StyleBank.All.Count + colour;
        if (look.Strength != 1)
            yield return Classes - (look.Strength < 1 ? 2 : 1);
    }
}
