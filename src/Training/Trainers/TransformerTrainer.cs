using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Data;
using StreamDiff.Training.Optimisation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Trains the transformer for the job it has in a live stream: the first step gets the input's latents under noise and gives those of the
/// styled picture; the later steps get what the first one gave, noised again. Whole clips go through at once, each frame seeing what the
/// rolling cache would show it.
/// Autoencoder and text encoder are finished by then.
/// </summary>
public sealed class TransformerTrainer(TrainingPlan plan, Model model, Device device)
{
    private const float PromptSwitch = 0.15f;
    private const int FewestFrames = 3;
    // Decoding costs as much as the transformer itself: a part of the clips says enough.
    private const int ClipsPerDecodedOne = 4;

    private readonly FlowMatchSchedule _schedule = new(model.Config.Diffusion.Shift);
    private readonly SequenceLayout _layout = new(model.Config.KvCache.WindowFrames, model.Config.KvCache.SinkFrames);
    private readonly PromptTokenizer _tokenizer = new(
        SentencePieceTokenizer.Load(model.PathOf(model.Config.Weights.Tokenizer, out _)!), model.Config.Dit.TextLen);

    /// <summary>Trains and writes <paramref name="result"/>, bfloat16.</summary>
    public void Run(Taehv vae, Umt5Encoder text, string result, CancellationToken cancel)
    {
        using var random = new RandomWeightSource(plan.Seed);
        using var file = plan.Start is { } start ? CheckpointFile.Open(start, StateDictRule.Transformer) : null;
        using IWeightSource initial = file is null ? random : new PartlyFreshSource(file, random, plan.Forget);
        using var weights = new TrainableWeights(initial, 16 << 20, device);
        weights.Begin("dit");
        // Matrix products in bfloat16 are several times faster; float32 weights are kept behind them and are what the optimiser moves.
        using var transformer = CausalWanModel.Load(ModelBundle.TransformerConfig(model.Config), .., weights, device, ScalarType.BFloat16);
        weights.Round();
        using var optimiser = new AdamW(weights);
        using var bank = new ClipBank(
            plan.Clips, 4 * (plan.LatentFrames - 1) + 1, plan.Width, plan.Height, plan.Seed * 1_000_000 + 500_000, device, plan.Library);
        using var latents = new LatentBank(bank, vae, plan);
        TrainingLoop.Run(plan, "transformer", optimiser, ["loss", "first_step", "later_step", "nothing_done"],
            (random, step) => Step(transformer, vae, text, latents, step, random), cancel);
        using var half = optimiser.Average.to_type(ScalarType.BFloat16);
        SafetensorsWriter.Write(result, [.. weights.Named(half, "dit")]);
    }

    private TrainingLoop.Losses Step(CausalWanModel transformer, Taehv vae, Umt5Encoder text, LatentBank latents, long step, Random random)
    {
        var frames = random.Next(Math.Min(FewestFrames, plan.LatentFrames), plan.LatentFrames + 1);
        var clips = latents.Sample(random, step, Math.Max(plan.Batch * plan.LatentFrames / frames, 1));
        var wishes = clips.Select(c => Wish.Make(random, c, frames, PromptSwitch)).ToArray();
        var source = stack(clips.Select(c => c.Source).ToArray()).narrow(1, 0, frames).to_type(ScalarType.Float32);
        var target = stack(wishes.Select((w, i) => w.Target(clips[i], frames)).ToArray()).to_type(ScalarType.Float32);
        using var prompts = Prompts(transformer, text, wishes, frames);
        var levels = NoiseLevels.Make(random, wishes.Length, frames, _layout.FirstChunk, model.Config.Diffusion);

        var denoiser = new ClipDenoiser(_schedule, _layout);
        var first = denoiser.Denoise(transformer, prompts, levels.FirstInput(source, target, _schedule), levels.FirstTimesteps);
        var error = first.sub(target).pow(Scalars.Of(2)).mean([2, 3, 4]);
        // What the first step makes of the input, and what a later step makes of a picture that is styled already.
        var styling = levels.Prepared(device).logical_not().to_type(ScalarType.Float32);
        var (firstLoss, laterLoss) = (Mean(error, styling), Mean(error, styling.neg().add(Scalars.One, Scalars.One)));
        var total = error.mean();
        var last = first;
        if (random.Chance(plan.LaterSteps))
        {
            var again = _schedule.AddNoise(first.detach(), randn_like(target), levels.LaterTimestep);
            last = denoiser.Denoise(transformer, prompts, again, [.. Enumerable.Repeat(levels.LaterTimestep, wishes.Length * frames)]);
            laterLoss = last.sub(target).pow(Scalars.Of(2)).mean();
            total = total.add(laterLoss, Scalars.One);
        }
        if (plan.Pictures > 0)
            total = total.add(Pictures(vae, random.Chance(0.5f) ? first : last, target).mul(Scalars.Of(plan.Pictures)), Scalars.One);
        return new TrainingLoop.Losses(total, total, firstLoss, laterLoss, source.sub(target).pow(Scalars.Of(2)).mean());
    }

    // The same distance in latents can be a soft edge or a wrong colour; decoded, it is what a person sees.
    private static Tensor Pictures(Taehv vae, Tensor latents, Tensor target)
    {
        var clips = (int)(latents.size(0) + ClipsPerDecodedOne - 1) / ClipsPerDecodedOne;
        Tensor wanted;
        using (no_grad())
            wanted = Decoded(target).clamp(Scalars.Of(0), Scalars.One);
        return PictureLoss.Of(Decoded(latents), wanted, clips);

        Tensor Decoded(Tensor all) => VaeTrainer.Decode(vae, all.narrow(0, 0, clips).transpose(0, 1).flatten(0, 1), clips);
    }

    private static Tensor Mean(Tensor values, Tensor shares) => values.mul(shares).sum().div(shares.sum().clamp(min: Scalars.One));

    // Every frame follows its own prompt: the one of its clip, or after a switch the clip's other one.
    private PromptContext Prompts(CausalWanModel transformer, Umt5Encoder text, Wish[] wishes, int frames)
    {
        Tensor embeddings;
        using (no_grad())
        {
            var (ids, mask) = PromptBatch.Of(_tokenizer, [.. wishes.SelectMany(w => w.Prompts)], device);
            embeddings = text.Encode(ids, mask).Embeddings;
        }
        using var all = transformer.EncodePrompt(embeddings);
        var rows = new List<long>();
        var first = 0;
        foreach (var wish in wishes)
        {
            for (var frame = 0; frame < frames; frame++)
                rows.Add(first + (frame < wish.SwitchAt ? 0 : wish.Prompts.Count - 1));
            first += wish.Prompts.Count;
        }
        return all.Select(tensor(rows.ToArray(), device: device));
    }
}
