namespace StreamDiff.Pipeline.Control;

/// <summary>One change to a running stream. It takes effect at a chunk boundary; chunks begun before keep what they began with.</summary>
public abstract record ControlChange
{
    private protected ControlChange()
    {
    }

    /// <summary>The change as one line, as <see cref="ControlLine"/> reads it.</summary>
    public sealed override string ToString() => ControlLine.Format(this);
}

/// <summary>Between two prompts.</summary>
public enum BlendKind
{
    /// <summary>Text embeddings are mixed number by number.</summary>
    Linear,

    /// <summary>Text embeddings are turned towards the new ones, token by token, their length mixed.</summary>
    Spherical,
}

/// <summary>Another prompt.</summary>
/// <param name="Text">What the picture should become.</param>
/// <param name="BlendChunks">
/// Chunks until the new prompt stands alone, at least 1: chunk i of N follows it by i/N. Default 1, at once.
/// </param>
/// <param name="Kind">How the prompts between are made.</param>
public sealed record PromptChange(string Text, int BlendChunks = 1, BlendKind Kind = BlendKind.Linear) : ControlChange;

/// <summary>Another largest share of noise.</summary>
/// <param name="Scale">0.1 to 1.</param>
public sealed record NoiseScaleChange(double Scale) : ControlChange;

/// <summary>Another number of denoising steps.</summary>
/// <param name="Steps">1 to what the model has, 4 at most.</param>
public sealed record StepsChange(int Steps) : ControlChange;

/// <summary>Another seed of all noise.</summary>
public sealed record SeedChange(long Seed) : ControlChange;

/// <summary>Other sinks of the KV cache. Null leaves a value as it is.</summary>
/// <param name="Frames">Latent frames at the window's start that are kept, less than the window.</param>
/// <param name="Threshold">A sink less similar to the new chunk than this is replaced, -1 to 1; -1 never.</param>
public sealed record SinksChange(int? Frames = null, double? Threshold = null) : ControlChange;

/// <summary>Another strength of one of the model's LoRAs; of this stream only, whoever else uses the model.</summary>
/// <param name="Name">The LoRA's: its file's name without the extension.</param>
/// <param name="Strength">-10 to 10; 0 is the model without it.</param>
public sealed record LoraChange(string Name, double Strength) : ControlChange;

/// <summary>Holds the last frame, or goes on. Time, sound and frame count go on in any case.</summary>
public sealed record PauseChange(bool IsPaused) : ControlChange;
