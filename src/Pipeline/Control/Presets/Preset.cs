namespace StreamDiff.Pipeline.Control.Presets;

/// <summary>Prompt, settings and LoRAs that are kept under a name; what is null stays as it is when the preset is taken.</summary>
/// <param name="Name">1 to 64 characters without a slash, not beginning with a dot.</param>
public sealed record Preset(string Name)
{
    public string? Prompt { get; init; }

    /// <summary>Chunks of the way to it, where whoever takes it says nothing else. Null: at once.</summary>
    public int? Blend { get; init; }

    /// <summary>True turns from the prompt before to this one instead of mixing them.</summary>
    public bool? Spherical { get; init; }

    /// <summary>0.1 to 1.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>1 to 4.</summary>
    public int? Steps { get; init; }

    public long? Seed { get; init; }

    /// <summary>Latent frames that are kept.</summary>
    public int? Sinks { get; init; }

    /// <summary>-1 to 1.</summary>
    public double? SinkThreshold { get; init; }

    /// <summary>Strengths by name; LoRAs that are not named stay as they are.</summary>
    public IReadOnlyDictionary<string, double> Loras { get; init; } = new Dictionary<string, double>();

    /// <summary>When it was last written, in milliseconds since 1970; grows with each change.</summary>
    public long Version { get; init; }

    /// <summary>True for one that came with the program.</summary>
    public bool IsBuiltIn { get; init; }

    /// <summary>A small picture beside its file; null for none.</summary>
    public string? ThumbnailFile { get; init; }

    /// <summary>The changes that make it.</summary>
    /// <param name="glide">The way of prompt, noise and LoRAs to it; none takes the preset's own.</param>
    /// <param name="kind">How prompts between are made.</param>
    public IReadOnlyList<ControlChange> Changes(Glide glide = default, BlendKind kind = BlendKind.Linear)
    {
        if (glide.IsNone)
            glide = Glide.Of(Blend ?? 1);
        if (Spherical == true)
            kind = BlendKind.Spherical;
        var changes = new List<ControlChange>();
        if (Prompt is { } prompt)
            changes.Add(glide.IsNone ? new PromptChange(prompt)
                : glide.Over.Unit == LengthUnit.Chunks
                    ? new PromptChange(prompt, (int)glide.Over.Value, kind) { Easing = glide.Easing }
                    : new PromptChange(prompt, 1, kind) { Over = glide.Over, Easing = glide.Easing });
        if (NoiseScale is { } noise)
            changes.Add(new NoiseScaleChange(noise) { Glide = glide });
        if (Steps is { } steps)
            changes.Add(new StepsChange(steps));
        if (Seed is { } seed)
            changes.Add(new SeedChange(seed));
        if (Sinks is not null || SinkThreshold is not null)
            changes.Add(new SinksChange(Sinks, SinkThreshold));
        foreach (var (name, strength) in Loras)
            changes.Add(new LoraChange(name, strength) { Glide = glide });
        return changes;
    }
}
