using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline;
using StreamDiff.Pipeline.Noising;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>A clip through the product's stream: encoder, noise controller, stream batch, decoder.</summary>
internal static class StreamRunner
{
    private const int FirstChunk = 5;
    private const int NextChunks = 4;

    /// <param name="models">Networks.</param>
    /// <param name="options">Steps, noise, caches; input and output are not used.</param>
    /// <param name="prompt">What the clip should become.</param>
    /// <param name="clip">Gives frame i, [3, H, W] in [0, 1]; a long clip need not be in memory.</param>
    /// <param name="frames">Frames to run, 5 + 4k; the rest is left out.</param>
    /// <param name="size">Of the frames.</param>
    /// <param name="output">Takes the frames that come out, [n, 3, H, W] in [0, 1], in order.</param>
    public static void Run(ModelBundle models, RestyleOptions options, PromptContext prompt, Func<int, Tensor> clip, int frames, (int Width, int Height) size, Action<Tensor> output)
    {
        var settings = SessionSettings.From(options, models.Config, size);
        using var noise = new SeededNoise(options.Seed, models.Transformer.Device);
        using var denoiser = new StreamBatch(models.Transformer, prompt, noise, settings.Denoiser);
        var noiser = new ChunkNoiser(settings.Noise, noise);
        using var encoder = models.Vae.OpenEncoder();
        using var decoder = models.Vae.OpenDecoder();
        Tensor? last = null;
        long[] shape = [];
        var ticks = 0;
        for (var first = 0; first + Length(first) <= frames; first += Length(first))
        {
            using var scope = NewDisposeScope();
            var pictures = stack(Enumerable.Range(first, Length(first)).Select(clip).ToArray());
            var motion = Motion(last is null ? pictures : cat([last, pictures]));
            last?.Dispose();
            last = pictures.narrow(0, pictures.size(0) - 1, 1).clone().DetachFromDisposeScope();
            var latents = encoder.Encode(pictures.mul(Scalars.Of(2f)).sub(Scalars.Of(1f)).unsqueeze(0));
            var (noisy, timestep) = noiser.Apply(latents, motion);
            shape = noisy.shape;
            if (first == 0)
                Decode(denoiser.Prepare(noisy));
            else if (denoiser.Next(noisy, timestep) is var clean && ticks++ >= denoiser.Delay)
                Decode(clean);
        }
        for (var i = 0; i < denoiser.Delay; i++)
        {
            using var scope = NewDisposeScope();
            var clean = denoiser.Next(noiser.PureNoise(shape), null);
            if (ticks++ >= denoiser.Delay)
                Decode(clean);
        }
        last?.Dispose();

        void Decode(Tensor clean) => output(decoder.Decode(clean)[0].add(Scalars.Of(1f), Scalars.One).div(Scalars.Of(2f)).clamp(Scalars.Of(0), Scalars.One));
    }

    /// <summary>As above for a clip in memory, [frames, 3, H, W]; gives the clip that comes out.</summary>
    public static Tensor Run(ModelBundle models, RestyleOptions options, PromptContext prompt, Tensor clip)
    {
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        Run(models, options, prompt, i => clip[i], (int)clip.size(0), ((int)clip.size(3), (int)clip.size(2)), t => parts.Add(t.DetachFromDisposeScope()));
        var whole = cat(parts);
        parts.ForEach(p => p.Dispose());
        return whole.MoveToOuterDisposeScope();
    }

    private static int Length(int first) => first == 0 ? FirstChunk : NextChunks;

    // As the pipeline measures it: the largest RMS difference of neighbours, in units of [-1, 1] pixels.
    private static double Motion(Tensor frames)
    {
        if (frames.size(0) < 2)
            return 0;
        var difference = frames.narrow(0, 1, frames.size(0) - 1).sub(frames.narrow(0, 0, frames.size(0) - 1));
        return 2 * difference.pow(Scalars.Of(2)).mean([1, 2, 3]).sqrt().max().item<float>();
    }
}
