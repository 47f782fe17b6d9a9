using StreamDiff.Models;
using StreamDiff.Models.Diffusion;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Verification.Published;

/// <summary>
/// The published way to denoise one stream, kept as the oracle of <c>streamdiff verify</c>: products run on <see cref="LaneStream"/>. Its
/// lanes of the KV cache, what is in flight, and its noise. Weights are the model's and may be shared. Chunks are float32 latents [1,
/// frames, 16, h, w]. Not thread-safe: it belongs to the thread that owns the device.
/// </summary>
internal abstract class StreamDenoiser : IDisposable
{
    private readonly CausalWanModel _model;
    private readonly INoiseSource _noise;

    protected StreamDenoiser(CausalWanModel model, PromptContext prompt, INoiseSource noise, DenoiserOptions options, int lanes)
    {
        if (options.Timesteps.Count < 1)
            throw new ModelException("at least one denoising step is needed");
        _model = model;
        _noise = noise;
        Options = options;
        Prompt = prompt;
        Schedule = new FlowMatchSchedule(options.Shift);
        Cache = model.CreateCache(lanes, options.Geometry, options.Rotation);
    }

    public DenoiserOptions Options { get; }

    public FlowMatchSchedule Schedule { get; }

    /// <summary>The stream's caches.</summary>
    public KvCachePool Cache { get; }

    /// <summary>What the rows follow; may be exchanged between chunks. Stays the caller's.</summary>
    public PromptContext Prompt { get; set; }

    /// <summary>Chunks that must be fed before the first result of <see cref="Next"/> is a real one.</summary>
    public abstract int Delay { get; }

    /// <summary>Position in latent frames of the next chunk.</summary>
    public long NextFrame { get; private set; }

    /// <summary>
    /// Begins the stream: all denoising steps of the first chunk, one after the other, which fills the cache. Returns the clean chunk.
    /// </summary>
    /// <param name="noisy">[1, frames, 16, h, w]; any number of frames that fits the window.</param>
    public Tensor Prepare(Tensor noisy)
    {
        using var scope = NewDisposeScope();
        var clean = AllSteps(noisy, 0, null);
        NextFrame = noisy.size(1);
        Started(noisy);
        return clean.MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Feeds one chunk after the last one. Returns a clean chunk: this one, or the one fed <see cref="Delay"/> calls ago.
    /// </summary>
    /// <param name="noisy">[1, frames, 16, h, w].</param>
    /// <param name="firstTimestep">Replaces the first denoising timestep (motion-aware noise); null keeps the schedule's own.</param>
    public Tensor Next(Tensor noisy, double? firstTimestep) => Next(noisy, Advance(noisy.size(1)), firstTimestep);

    /// <summary>As <see cref="Next(Tensor, double?)"/>, at a latent frame of the caller's choice.</summary>
    public abstract Tensor Next(Tensor noisy, long startFrame, double? firstTimestep);

    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
            Cache.Dispose();
    }

    /// <summary>Called after the first chunk.</summary>
    protected abstract void Started(Tensor noisy);

    /// <summary>All denoising steps of a chunk on lane 0.</summary>
    protected Tensor AllSteps(Tensor noisy, long startFrame, double? firstTimestep)
    {
        using var scope = NewDisposeScope();
        var timesteps = Options.Timesteps;
        var latents = noisy;
        for (var step = 0; ; step++)
        {
            var timestep = step == 0 ? firstTimestep ?? timesteps[0] : timesteps[step];
            var flow = RunNetwork(latents, [new TickRow(0, startFrame * Options.Geometry.FrameTokens, Visits: timesteps.Count)],
                [timestep]);
            var clean = Schedule.Denoise(latents, flow, timestep);
            if (step == timesteps.Count - 1)
                return clean.MoveToOuterDisposeScope();
            latents = Renoise(clean, timesteps[step + 1]);
        }
    }

    protected Tensor RunNetwork(Tensor latents, TickRow[] rows, double[] timesteps) =>
        _model.Forward(latents, new Tick
        {
            Rows = rows,
            Timesteps = timesteps,
            Frames = (int)latents.size(1),
            GridRows = Options.GridRows,
            GridColumns = Options.GridColumns,
            Prompts = [.. Enumerable.Repeat(Prompt, rows.Length)],
        }, Cache);

    protected Tensor Renoise(Tensor clean, double timestep)
    {
        using var noise = _noise.Draw(clean.shape);
        return Schedule.AddNoise(clean, noise, timestep);
    }

    private long Advance(long frames)
    {
        var start = Options.FrameIndex(NextFrame);
        NextFrame = start + frames;
        return start;
    }
}
