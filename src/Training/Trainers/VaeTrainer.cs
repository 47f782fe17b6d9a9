using StreamDiff.Models;
using StreamDiff.Models.Vae;
using StreamDiff.Models.Weights;
using StreamDiff.Training.Data;
using StreamDiff.Training.Optimisation;
using StreamDiff.Training.Styles;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Trainers;

/// <summary>
/// Trains the autoencoder on clips, plain and styled, to give back what it was given. Latents get some noise on the way, so that the
/// decoder forgives what a denoiser leaves behind, and are held to one size, which noise scales are measured against.
/// </summary>
public sealed class VaeTrainer(TrainingPlan plan, TaehvConfig config, Device device)
{
    private const string Network = "vae";
    private const int Frames = 17;
    private const int LeadFrames = 3;
    private const float LatentSize = 1.3f;
    private const float LatentNoise = 0.1f;

    /// <summary>Trains and writes <paramref name="result"/>, float16.</summary>
    public void Run(string result, CancellationToken cancel)
    {
        using var random = new RandomWeightSource(plan.Seed);
        using var file = plan.Start is { } start ? CheckpointFile.Open(start, StateDictRule.AsStored) : null;
        using IWeightSource initial = file is null ? random : new PartlyFreshSource(new PatchedStart(file), random, []);
        using var weights = new TrainableWeights(
            initial, 4 << 20, device, name => !plan.DecoderOnly || name.StartsWith("decoder.", StringComparison.Ordinal));
        weights.Begin(Network);
        // On a GPU products in bfloat16 are twice as fast; float32 weights are behind them and are what the optimiser moves.
        using var vae = Taehv.Load(config, weights, device, device.type == DeviceType.CUDA ? ScalarType.BFloat16 : ScalarType.Float32);
        weights.Round();
        using var optimiser = new AdamW(weights);
        using var bank = new ClipBank(plan.Clips, Frames, plan.Width, plan.Height, plan.Seed * 1_000_000, device, plan.Library);
        var check = plan.Check is null ? null : new VaeProgress(plan, vae, weights, optimiser);
        TrainingLoop.Run(plan, Network, optimiser, ["loss", "psnr", "latent_rms"], (random, step) =>
        {
            check?.WriteWhenDue();
            return Step(vae, bank.Sample(random, plan.Batch, Frames, step, plan.Crop ?? Math.Max(plan.Width, plan.Height)), random);
        }, cancel);
        check?.Write();
        using var half = optimiser.Average.to_type(ScalarType.Float16);
        SafetensorsWriter.Write(result, [.. weights.Named(half, Network)]);
    }

    private TrainingLoop.Losses Step(Taehv vae, Tensor clips, Random random)
    {
        var pictures = Styled(clips, random);
        // Noise goes in and is not wanted back: a decoder that draws it flickers.
        var latents = Latents(vae, ClipBank.WithNoise(pictures, random));
        // Often none: what the decoder makes of clean latents is the best that a picture can be.
        var noise = random.Chance(plan.NoisyShare) ? 2 * LatentNoise * random.NextSingle() : 0;
        var noisy = latents.add(randn_like(latents).mul(Scalars.Of(noise)), Scalars.One);
        var decoded = Decode(vae, noisy, (int)clips.size(0));
        var wanted = pictures.transpose(0, 1).flatten(0, 1);

        var size = latents.pow(Scalars.Of(2)).mean([0, 2, 3]).sqrt();
        var total = PictureLoss.Of(decoded, wanted, (int)clips.size(0), plan.Squares).add(
            size.sub(Scalars.Of(LatentSize)).pow(Scalars.Of(2)).mean().mul(Scalars.Of(0.02f)), Scalars.One);
        var psnr = decoded.clamp(Scalars.Of(0), Scalars.One).sub(wanted).pow(Scalars.Of(2)).mean().log10().mul(Scalars.Of(-10f));
        return new TrainingLoop.Losses(total, total, psnr, size.mean());
    }

    private Tensor Latents(Taehv vae, Tensor clips)
    {
        using var quiet = plan.DecoderOnly ? no_grad() : null;
        return Encode(vae, clips);
    }

    /// <summary>
    /// Latents of clips [clips, frames, 3, H, W], as a stream would have them: [frames / 4 * clips, channels, h, w], the clips alternating.
    /// </summary>
    internal static Tensor Encode(Taehv vae, Tensor clips)
    {
        using var memory = new StreamMemory((int)clips.size(0));
        var frames = cat([clips.narrow(1, 0, 1).expand(-1, LeadFrames, -1, -1, -1), clips], 1);
        return vae.EncodeFrames(frames.transpose(0, 1).flatten(0, 1), memory);
    }

    /// <summary>
    /// Pictures of latents that alternate between clips, the leading ones left out: [frames * clips, 3, H, W], alternating likewise.
    /// </summary>
    internal static Tensor Decode(Taehv vae, Tensor latents, int clips)
    {
        using var memory = new StreamMemory(clips);
        var decoded = vae.DecodeLatents(latents, memory);
        return decoded.narrow(0, LeadFrames * clips, decoded.size(0) - LeadFrames * clips);
    }

    private Tensor Styled(Tensor clips, Random random)
    {
        using var quiet = no_grad();
        var result = new Tensor[clips.size(0)];
        for (var i = 0; i < result.Length; i++)
            result[i] = random.Chance(plan.PlainShare) ? clips[i] : StyleBank.All[random.Next(StyleBank.All.Count)].Target(clips[i]);
        return stack(result);
    }
}
