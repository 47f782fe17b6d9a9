using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Registry;
using StreamDiff.Models.Text;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Data;
using StreamDiff.Training.Optimisation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Trains transformer and text encoder for the job they have in a live stream: the first step gets the input's latents under noise and gives those of the styled
/// picture; the later steps get what the first one gave, noised again. Whole clips go through at once, each frame seeing what the rolling cache would show it.
/// </summary>
public sealed class TransformerTrainer(TrainingPlan plan, Model model, Device device)
{
    private const int LatentFrames = 8;
    private const int Frames = 4 * (LatentFrames - 1) + 1;
    private const float PromptSwitch = 0.15f;

    private readonly FlowMatchSchedule _schedule = new(model.Config.Diffusion.Shift);
    private readonly SequenceLayout _layout = new(model.Config.KvCache.WindowFrames, model.Config.KvCache.SinkFrames);
    private readonly PromptTokenizer _tokenizer = new(SentencePieceTokenizer.Load(model.PathOf(model.Config.Weights.Tokenizer, out _)!), model.Config.Dit.TextLen);

    /// <summary>Trains with a finished autoencoder and writes both networks, bfloat16.</summary>
    public void Run(Taehv vae, string transformerResult, string textResult, CancellationToken cancel)
    {
        using var initial = new RandomWeightSource(plan.Seed);
        using var weights = new TrainableWeights(initial, 16 << 20, device);
        // On a GPU bfloat16 is several times faster; float32 weights are kept behind it and are what the optimiser moves.
        var type = device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32;
        weights.Begin("dit");
        using var transformer = CausalWanModel.Load(ModelBundle.TransformerConfig(model.Config), .., weights, device, type);
        weights.Begin("text");
        using var text = Umt5Encoder.Load(ModelBundle.TextEncoderConfig(model.Config), weights, device, type);
        weights.Round();
        using var optimiser = new AdamW(weights);
        using var bank = new ClipBank(plan.Clips, Frames, plan.Width, plan.Height, plan.Seed * 1_000_000 + 500_000, device);
        using var latents = new LatentBank(bank, vae, LatentFrames, plan.Clips, plan.Seed);
        TrainingLoop.Run(plan, "transformer", optimiser, ["loss", "first_step", "later_step", "nothing_done"],
            (random, step) => Step(transformer, text, latents.Sample(random, plan.Batch, step), random), cancel);
        using var half = optimiser.Average.to_type(ScalarType.BFloat16);
        SafetensorsWriter.Write(transformerResult, [.. weights.Named(half, "dit")]);
        SafetensorsWriter.Write(textResult, [.. weights.Named(half, "text")]);
    }

    private TrainingLoop.Losses Step(CausalWanModel transformer, Umt5Encoder text, IReadOnlyList<StyledLatents> clips, Random random)
    {
        var wishes = clips.Select(c => Wish.Make(random, c, LatentFrames, PromptSwitch)).ToArray();
        var source = stack(clips.Select(c => c.Of(StylePrompt.Plain)).ToArray()).to_type(ScalarType.Float32);
        var target = stack(wishes.Select((w, i) => w.Target(clips[i])).ToArray()).to_type(ScalarType.Float32);
        using var prompts = Prompts(transformer, text, wishes);
        var levels = NoiseLevels.Make(random, wishes.Length, LatentFrames, _layout.FirstChunk, model.Config.Diffusion);

        var first = Denoise(transformer, prompts, levels.FirstInput(source, target, _schedule), levels.FirstTimesteps);
        var again = _schedule.AddNoise(first.detach(), randn_like(target), levels.LaterTimestep);
        var later = Denoise(transformer, prompts, again, [.. Enumerable.Repeat(levels.LaterTimestep, wishes.Length * LatentFrames)]);

        var (firstLoss, laterLoss) = (first.sub(target).square().mean(), later.sub(target).square().mean());
        var total = firstLoss.add(laterLoss.mul(2));
        return new TrainingLoop.Losses(total, total, firstLoss, laterLoss, source.sub(target).square().mean());
    }

    // Clean latents as the schedule's step gives them, with gradients.
    private Tensor Denoise(CausalWanModel transformer, PromptContext prompts, Tensor noisy, double[] timesteps)
    {
        var flow = transformer.ForwardClips(noisy, timesteps, prompts, _layout);
        var sigmas = tensor(Array.ConvertAll(timesteps, t => _schedule.SigmaAt(t)), device: device).view(noisy.size(0), noisy.size(1), 1, 1, 1);
        return noisy.sub(flow.mul(sigmas));
    }

    // Every frame follows its own prompt: the one of its clip, or after a switch the clip's other one.
    private PromptContext Prompts(CausalWanModel transformer, Umt5Encoder text, Wish[] wishes)
    {
        var tokens = wishes.SelectMany(w => w.Prompts).Select(p => _tokenizer.Tokenize(p.Text)).ToArray();
        var length = model.Config.Dit.TextLen;
        var ids = tensor(tokens.SelectMany(t => t.Ids).ToArray(), [tokens.Length, length], device: device);
        var lengths = tensor(Array.ConvertAll(tokens, t => (long)t.Length), device: device);
        var mask = arange(length, device: device).unsqueeze(0).lt(lengths.unsqueeze(1));
        using var all = transformer.EncodePrompt(text.Encode(ids, mask).Embeddings);
        var rows = new List<long>();
        var first = 0;
        foreach (var wish in wishes)
        {
            for (var frame = 0; frame < LatentFrames; frame++)
                rows.Add(first + (frame < wish.SwitchAt ? 0 : wish.Prompts.Count - 1));
            first += wish.Prompts.Count;
        }
        return all.Select(tensor(rows.ToArray(), device: device));
    }
}
