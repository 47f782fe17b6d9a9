using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Loras;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Control.Steering;

/// <summary>
/// Settings of one stream from chunk to chunk: what was asked for, what the controls have changed since, and what a session's ladder takes
/// away. Belongs to the thread of its ticks.
/// </summary>
/// <param name="runner">For prompts; stays the caller's.</param>
/// <param name="steering">Changes as they take effect; taken over.</param>
/// <param name="noise">The stream's noise.</param>
/// <param name="timesteps">All denoising steps of the model.</param>
internal sealed class ChunkSteering(ITickRunner runner, StreamSteering steering, StreamNoise noise, IReadOnlyList<double> timesteps)
    : IDisposable
{
    private readonly Regions _regions = new();
    private SharedPrompt? _prompt;
    private LoraStrengths? _loras;
    private Task _ended = Task.CompletedTask;

    /// <summary>What was asked for, changes included.</summary>
    public ControlState State => steering.State;

    /// <summary>Steps that the ladder takes away.</summary>
    public int StepsLess { get; set; }

    /// <summary>Denoising steps of the next chunk.</summary>
    public int Steps => Math.Clamp(State.Steps - StepsLess, 1, timesteps.Count);

    /// <summary>True where a chunk of these frames may begin, see <see cref="StreamSteering.IsReady"/>.</summary>
    public bool IsReady(IReadOnlyList<FrameTiming> frames) => steering.IsReady(frames);

    /// <summary>A chunk begins: changes that were given take effect.</summary>
    public void Begin(LatentChunk chunk) => steering.Begin(chunk);

    /// <summary>How far the stream's pictures are from its first, of late; from any thread.</summary>
    public void Drifted(double? drift) => steering.Drifted(drift);

    /// <summary>How strongly each place of the chunk that began is repainted, as <see cref="Regions.Strength"/>.</summary>
    public TorchSharp.torch.Tensor? Strength(LatentChunk chunk) => _regions.Strength(State.Region, chunk.Latents, runner.Device);

    /// <summary>The chunk's noisy latents and how it is denoised.</summary>
    /// <param name="number">Its number in the stream.</param>
    /// <param name="chunk">Its latents.</param>
    /// <param name="mostSteps">Steps that there are lanes for.</param>
    /// <param name="source">What is painted over in place of its latents, by the settings of the chunk; disposed.</param>
    /// <param name="strength">See <see cref="Regions.Strength"/>; stays the caller's.</param>
    /// <returns>The tensor and the hold on the prompt belong to the caller.</returns>
    public (TorchSharp.torch.Tensor Noisy, ChunkSettings Settings, SharedPrompt Prompt) Admit(long number, LatentChunk chunk, int mostSteps,
        Func<ControlState, TorchSharp.torch.Tensor>? source = null, TorchSharp.torch.Tensor? strength = null)
    {
        // Anything is less similar than this.
        var sinkThreshold = State.RefreshLeft > 0 ? 1 : State.SinkThreshold;
        // What a prompt means to the network depends on the weights.
        if (steering.Next() || _prompt is null || !Equals(_loras, State.Loras))
        {
            _prompt?.Dispose();
            _prompt = new SharedPrompt(runner.Encode(steering.Prompt, State.Loras));
            _loras = State.Loras;
        }
        var latents = source?.Invoke(State) ?? chunk.Latents;
        var (noisy, first) = noise.Apply(State, number, latents, chunk.Motion, strength);
        if (!ReferenceEquals(latents, chunk.Latents))
            latents.Dispose();
        double[] steps = [first ?? timesteps[0], .. timesteps.Take(Math.Min(Steps, mostSteps)).Skip(1)];
        var settings = new ChunkSettings(_prompt.Prompt, steps)
        {
            Seed = State.Seed,
            Loras = State.Loras,
            SinkThreshold = sinkThreshold,
            SinkFrames = State.SinkFrames,
        };
        return (noisy, settings, _prompt.Share());
    }

    /// <summary>After disposal: done when nothing is held any more.</summary>
    public Task Ended => _ended;

    public void Dispose()
    {
        _prompt?.Dispose();
        _regions.Dispose();
        // Lets go of the text encoder, which may be large, and the thread of the ticks has others to serve.
        _ended = Task.Run(steering.Dispose);
    }
}
