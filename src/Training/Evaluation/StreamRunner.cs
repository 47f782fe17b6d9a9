using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loading;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Pipeline.Control;
using StreamDiff.Pipeline.Plan;
using static TorchSharp.torch;

namespace StreamDiff.Training.Evaluation;

/// <summary>A clip through the product's stream: encoder, noise controller, lanes, decoder.</summary>
internal static class StreamRunner
{
    private const int FirstChunk = 5;
    private const int NextChunks = 4;

    /// <param name="models">Networks.</param>
    /// <param name="options">Steps, noise, caches.</param>
    /// <param name="prompt">What the clip should become.</param>
    /// <param name="clip">Gives frame i, [3, H, W] in [0, 1]; a long clip need not be in memory.</param>
    /// <param name="frames">Frames to run, 5 + 4k; the rest is left out.</param>
    /// <param name="size">Of the frames.</param>
    /// <param name="output">Takes the frames that come out, [n, 3, H, W] in [0, 1] in host memory, in order.</param>
    public static void Run(
        ModelBundle models, SamplingOptions options, PromptContext prompt, Func<int, Tensor> clip, int frames, (int Width, int Height) size,
        Action<Tensor> output)
    {
        var settings = StreamSettings.From(options, models.Config, size);
        using var noise = new KeyedNoise(models.Transformer.Device);
        var noiser = new StreamNoise(settings.Noise, noise);
        var state = new ControlState(settings.Noise?.Scale ?? 1, options.Steps, options.Seed, settings.Denoiser.Geometry.SinkFrames,
            settings.Denoiser.Geometry.SinkThreshold);
        using var runner = new LocalTickRunner(models.Transformer);
        using var ticks = new TickQueue(runner);
        using var pool = runner.CreatePool(settings.Denoiser, settings.Denoiser.Timesteps.Count);
        using var stream = new LaneStream(ticks, pool, settings.Denoiser, noise, options.Seed);
        using var encoder = models.Vae.OpenEncoder();
        using var decoder = models.Vae.OpenDecoder();
        Tensor? last = null;
        for (var first = 0; first + Length(first) <= frames; first += Length(first))
        {
            using var scope = NewDisposeScope();
            var pictures = stack(Enumerable.Range(first, Length(first)).Select(clip).ToArray()).to(models.Transformer.Device);
            var motion = Motion(last is null ? pictures : cat([last, pictures]));
            last?.Dispose();
            last = pictures.narrow(0, pictures.size(0) - 1, 1).clone().DetachFromDisposeScope();
            var latents = encoder.Encode(pictures.mul(Scalars.Of(2f)).sub(Scalars.Of(1f)).unsqueeze(0));
            var (noisy, timestep) = noiser.Apply(state, stream.NextChunk, latents, motion);
            var number = stream.Admit(
                noisy, new ChunkSettings(prompt, [timestep ?? settings.Denoiser.Timesteps[0], .. settings.Denoiser.Timesteps.Skip(1)]));
            do
                Tick();
            while (number == 0 && !stream.IsIssued(0));
        }
        while (stream.InFlight > 0)
            Tick();
        last?.Dispose();

        // All rows that are ready, as files run.
        void Tick()
        {
            using var scope = NewDisposeScope();
            var ready = stream.Ready;
            ticks.Issue([.. ready.Where(r => r.Frames == ready[0].Frames).Select(r => (stream, r))]);
            ticks.Collect(wait: true);
            while (stream.TryTake(out _, out var clean))
                Decode(clean);
        }

        void Decode(Tensor clean) =>
            output(decoder.Decode(clean)[0].add(Scalars.Of(1f), Scalars.One).div(Scalars.Of(2f)).clamp(Scalars.Of(0), Scalars.One).cpu());
    }

    /// <summary>As above for a clip in memory, [frames, 3, H, W]; gives the clip that comes out.</summary>
    public static Tensor Run(ModelBundle models, SamplingOptions options, PromptContext prompt, Tensor clip)
    {
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        Run(models, options, prompt, i => clip[i], (int)clip.size(0), ((int)clip.size(3), (int)clip.size(2)),
            t => parts.Add(t.DetachFromDisposeScope()));
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
