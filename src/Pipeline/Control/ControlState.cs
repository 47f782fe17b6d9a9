using StreamDiff.Models.Loras;

namespace StreamDiff.Pipeline.Control;

/// <summary>Settings of the chunks that begin now. The prompt has a course of its own, <see cref="PromptCourse"/>.</summary>
/// <param name="NoiseScale">Largest share of noise.</param>
/// <param name="Steps">Denoising steps.</param>
/// <param name="Seed">Of all noise.</param>
/// <param name="SinkFrames">Latent frames that are kept.</param>
/// <param name="SinkThreshold">A sink less similar to the new chunk than this is replaced.</param>
/// <param name="IsPaused">True while the last frame is held.</param>
public sealed record ControlState(double NoiseScale, int Steps, long Seed, int SinkFrames, double SinkThreshold, bool IsPaused = false)
{
    /// <summary>Strengths of the model's LoRAs; null where none can change.</summary>
    public LoraStrengths? Loras { get; init; }

    /// <summary>As it is after a change that holds at once.</summary>
    public ControlState With(ControlChange change) => change switch
    {
        NoiseScaleChange noise => this with { NoiseScale = noise.Scale },
        StepsChange steps => this with { Steps = steps.Steps },
        SeedChange seed => this with { Seed = seed.Seed },
        SinksChange sinks => this with { SinkFrames = sinks.Frames ?? SinkFrames, SinkThreshold = sinks.Threshold ?? SinkThreshold },
        LoraChange lora => this with { Loras = Loras?.With(lora.Name, lora.Strength) },
        PauseChange pause => this with { IsPaused = pause.IsPaused },
        _ => this,
    };

    /// <summary>What the number of a change is now.</summary>
    internal double Value(NumberChange change) => change switch
    {
        NoiseScaleChange => NoiseScale,
        LoraChange lora => Loras?.Entries.FirstOrDefault(e => e.Name == lora.Name).Strength ?? 0,
        _ => change.Target,
    };
}
