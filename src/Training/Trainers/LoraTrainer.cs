using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loading;
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
/// Trains a LoRA for the style of a handful of pictures, on rendered clips and what <see cref="PictureStyle"/> makes of them, for the job
/// that the transformer has in a live stream (see <see cref="TransformerTrainer"/>). On the CPU, in minutes.
/// </summary>
/// <param name="plan">How long, and on how many clips.</param>
/// <param name="model">The small model.</param>
/// <param name="rank">Of the LoRA.</param>
/// <param name="prompt">The prompt that it is to be used with; clips without a prompt learn it too.</param>
internal sealed class LoraTrainer(TrainingPlan plan, Model model, int rank, string prompt)
{
    private const int Frames = 3;
    private const int UsualClips = 24;

    private readonly FlowMatchSchedule _schedule = new(model.Config.Diffusion.Shift);
    private readonly SequenceLayout _layout = new(model.Config.KvCache.WindowFrames, model.Config.KvCache.SinkFrames);

    /// <summary>Trains and writes a LoRA.</summary>
    /// <param name="pictures">[pictures, 3, H, W] in [0, 1].</param>
    /// <param name="result">A .safetensors file.</param>
    /// <param name="cancel">Stops after the step; the same command goes on from there.</param>
    public void Run(Tensor pictures, string result, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        var (sources, targets) = Pairs(pictures);
        using var file = ModelBundle.OpenTransformer(model);
        using var lora = new TrainableLora(file, rank, 16 << 20);
        using var transformer = CausalWanModel.Load(ModelBundle.TransformerConfig(model.Config), .., lora, CPU, ScalarType.Float32);
        using var optimiser = new AdamW(lora, averaging: 0.98);
        var embeddings = Embeddings();
        var denoiser = new ClipDenoiser(_schedule, _layout);
        TrainingLoop.Run(plan, "lora", optimiser, ["loss", "first_step", "later_step", "nothing_done"], (random, _) =>
        {
            var chosen = tensor(Enumerable.Range(0, plan.Batch).Select(_ => (long)random.Next((int)sources.size(0))).ToArray());
            var (source, target) = (sources.index_select(0, chosen), targets.index_select(0, chosen));
            using var contexts = transformer.EncodePrompt(embeddings);
            using var prompts = contexts.Select(tensor(
                Enumerable.Range(0, plan.Batch).SelectMany(_ => Enumerable.Repeat(random.Chance(0.7f) ? 0L : 1L, Frames)).ToArray()));
            var levels = NoiseLevels.Make(random, plan.Batch, Frames, _layout.FirstChunk, model.Config.Diffusion);
            var first = denoiser.Denoise(
                transformer, prompts, levels.FirstInput(source, target, _schedule), levels.FirstTimesteps);
            var firstLoss = first.sub(target).pow(Scalars.Of(2)).mean();
            var (total, laterLoss) = (firstLoss, firstLoss);
            if (random.Chance(plan.LaterSteps))
            {
                var again = _schedule.AddNoise(first.detach(), randn_like(target), levels.LaterTimestep);
                var later = denoiser.Denoise(
                    transformer, prompts, again, [.. Enumerable.Repeat(levels.LaterTimestep, plan.Batch * Frames)]);
                laterLoss = later.sub(target).pow(Scalars.Of(2)).mean();
                total = firstLoss.add(laterLoss, Scalars.One);
            }
            return new TrainingLoop.Losses(total, total, firstLoss, laterLoss, source.sub(target).pow(Scalars.Of(2)).mean());
        }, cancel);
        SafetensorsWriter.Write(result, [.. lora.Named(optimiser.Average)], new Dictionary<string, string>
        {
            ["made_by"] = "streamdiff-train lora",
            ["model"] = model.Name,
            ["prompt"] = prompt,
        });
    }

    // Clips and what they are to become, as latents [clips, frames, channels, h, w].
    private (Tensor Sources, Tensor Targets) Pairs(Tensor pictures)
    {
        using var quiet = no_grad();
        using var scope = NewDisposeScope();
        using var vae = (Taehv)ModelBundle.LoadVae(model, "taehv", CPU, ScalarType.Float32);
        var frames = 4 * (Frames - 1) + 1;
        var clips = Enumerable.Range(0, plan.Clips).Select(i => tensor(
            SyntheticClip.Render(plan.Seed * 1_000_000 + i, frames, plan.Width, plan.Height), [frames, 3, plan.Height, plan.Width])
            .to_type(ScalarType.Float32).div(Scalars.Of(255f))).ToArray();
        using var style = new PictureStyle(pictures, stack([.. clips.Take(UsualClips).Select(c => c[0])]));
        var (sources, targets) = (new List<Tensor>(), new List<Tensor>());
        foreach (var clip in clips)
        {
            var both = VaeTrainer.Encode(vae, stack([clip, style.Target(clip)]));
            both = both.view(Frames, 2, -1, both.size(2), both.size(3));
            sources.Add(both.select(1, 0));
            targets.Add(both.select(1, 1));
        }
        var result = (stack(sources), stack(targets));
        result.Item1.MoveToOuterDisposeScope();
        result.Item2.MoveToOuterDisposeScope();
        return result;
    }

    // Of the prompt, and of none.
    private Tensor Embeddings()
    {
        using var quiet = no_grad();
        using var encoder = ModelBundle.LoadTextEncoder(model, CPU, ScalarType.Float32);
        var both = new[] { prompt, "" }.Select(p => encoder.Encode(p).Embeddings).ToArray();
        var length = both.Max(e => e.size(1));
        return cat([.. both.Select(e => nn.functional.pad(e, [0, 0, 0, length - e.size(1)]))]);
    }
}
