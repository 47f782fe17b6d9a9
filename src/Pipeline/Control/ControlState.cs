using StreamDiff.Models.Loras;
using StreamDiff.Pipeline.Stream;

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

    /// <summary>Share of the model's picture over the input's.</summary>
    public double Mix { get; init; } = 1;

    /// <summary>Share of what came out before in what goes in, and how many chunks before.</summary>
    public (double Share, int Delay) Loopback { get; init; }

    /// <summary>What is repainted; null for the whole picture.</summary>
    public RegionMap? Region { get; init; }

    /// <summary>Colour of the input that stays; null for none.</summary>
    public KeyColor? Key { get; init; }

    /// <summary>True where <see cref="Key"/> is cut out, not kept.</summary>
    public bool IsCutOut { get; init; }

    /// <summary>Sinks that are still to be replaced, whatever they are like.</summary>
    public int RefreshLeft { get; init; }

    /// <summary>What of the picture is the input's own; null for nothing.</summary>
    internal FrameLayers? Layers => Mix < 1 || Region is { IsExact: true } || Key is not null
        ? new FrameLayers(Mix, Region is { IsExact: true } ? Region : null, Key, IsCutOut)
        : null;

    /// <summary>As it is after a change that holds at once.</summary>
    public ControlState With(ControlChange change) => change switch
    {
        NoiseScaleChange noise => this with { NoiseScale = noise.Scale },
        StepsChange steps => this with { Steps = steps.Steps },
        SeedChange seed => this with { Seed = seed.Seed },
        SinksChange sinks => this with { SinkFrames = sinks.Frames ?? SinkFrames, SinkThreshold = sinks.Threshold ?? SinkThreshold },
        LoraChange lora => this with { Loras = Loras?.With(lora.Name, lora.Strength) },
        MixChange mix => this with { Mix = mix.Share },
        LoopbackChange loopback => this with { Loopback = (loopback.Share, loopback.Delay) },
        RegionChange region => this with { Region = region.Map },
        KeyChange key => this with { Key = key.Color },
        RefreshChange => this with { RefreshLeft = SinkFrames },
        PauseChange pause => this with { IsPaused = pause.IsPaused },
        _ => this,
    };

    /// <summary>What the number of a change is now.</summary>
    internal double Value(NumberChange change) => change switch
    {
        NoiseScaleChange => NoiseScale,
        MixChange => Mix,
        LoopbackChange => Loopback.Share,
        LoraChange lora => Loras?.Entries.FirstOrDefault(e => e.Name == lora.Name).Strength ?? 0,
        _ => change.Target,
    };
}
