using StreamDiff.Models.Diffusion;
using StreamDiff.Models.Wan;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Control;
using StreamDiff.Scheduling.Noise;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Sessions;

/// <summary>
/// Settings of one session from chunk to chunk: what was asked for, what the controls have changed since, and what the ladder takes away. Belongs to the device's thread.
/// </summary>
internal sealed class SessionSteering : IDisposable
{
    private readonly NoiseOptions _noiseOptions;
    private readonly IReadOnlyList<double> _timesteps;
    private readonly SessionControls _controls;
    private readonly CausalWanModel _model;
    private readonly PromptBook _prompts;
    private readonly IKeyedNoise _noise;
    private readonly PromptCourse _course;
    private SharedPrompt? _prompt;
    private double? _scale;

    /// <param name="settings">The model's defaults and what the user wants otherwise.</param>
    /// <param name="seed">Of all noise.</param>
    /// <param name="timesteps">All denoising steps of the model.</param>
    /// <param name="controls">Changes while it runs.</param>
    /// <param name="model">For prompts; stays the caller's.</param>
    /// <param name="prompts">Embeddings of changed prompts; stays the caller's.</param>
    /// <param name="noise">Noise by key; stays the caller's.</param>
    /// <param name="prompt">Embeddings of the first prompt; taken over.</param>
    public SessionSteering(
        SessionSettings settings, long seed, IReadOnlyList<double> timesteps, SessionControls controls, CausalWanModel model, PromptBook prompts, IKeyedNoise noise, Tensor prompt)
    {
        _noiseOptions = settings.Noise ?? new NoiseOptions();
        (_timesteps, _controls, _model, _prompts, _noise) = (timesteps, controls, model, prompts, noise);
        _course = new PromptCourse(prompt);
        var geometry = settings.Denoiser.Geometry;
        State = new ControlState(_noiseOptions.Scale, settings.Denoiser.Timesteps.Count, seed, geometry.SinkFrames, geometry.SinkThreshold);
    }

    /// <summary>What was asked for, changes included.</summary>
    public ControlState State { get; private set; }

    /// <summary>Steps that the ladder takes away.</summary>
    public int StepsLess { get; set; }

    /// <summary>Denoising steps of the next chunk.</summary>
    public int Steps => Math.Clamp(State.Steps - StepsLess, 1, _timesteps.Count);

    /// <summary>A chunk begins: changes that were given take effect.</summary>
    public void Begin(ChunkSpan span)
    {
        foreach (var applied in _controls.Take(span))
        {
            if (applied.Change is PromptChange prompt)
                _course.Change(_prompts.Take(prompt.Text), prompt.BlendChunks, prompt.Kind);
            State = State.With(applied.Change);
        }
    }

    /// <summary>The chunk's noisy latents and how it is denoised.</summary>
    /// <param name="number">Its number in the stream.</param>
    /// <param name="chunk">Its latents.</param>
    /// <param name="mostSteps">Steps that there are lanes for.</param>
    /// <returns>The tensor and the hold on the prompt belong to the caller.</returns>
    public (Tensor Noisy, ChunkSettings Settings, SharedPrompt Prompt) Admit(long number, LatentChunk chunk, int mostSteps)
    {
        double? first = null;
        if (_scale is { } before)
        {
            var decision = NoiseController.Next(_noiseOptions with { Scale = State.NoiseScale }, before, chunk.Motion);
            (_scale, first) = (decision.Scale, decision.FirstTimestep);
        }
        _scale ??= State.NoiseScale;
        if (_course.Next() || _prompt is null)
        {
            _prompt?.Dispose();
            _prompt = new SharedPrompt(_model.EncodePrompt(_course.Now));
        }
        double[] timesteps = [first ?? _timesteps[0], .. _timesteps.Take(Math.Min(Steps, mostSteps)).Skip(1)];
        var settings = new ChunkSettings(_prompt.Context, timesteps) { Seed = State.Seed, SinkThreshold = State.SinkThreshold };

        using var scope = NewDisposeScope();
        using Scalar share = _scale.Value;
        using Scalar rest = 1 - _scale.Value;
        var noisy = _noise.Draw(State.Seed, number, 0, chunk.Latents.shape).mul_(share).add_(chunk.Latents.mul(rest));
        return (noisy.MoveToOuterDisposeScope(), settings, _prompt.Share());
    }

    public void Dispose()
    {
        _controls.Close();
        _prompt?.Dispose();
        _course.Dispose();
    }
}
