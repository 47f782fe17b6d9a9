namespace StreamDiff.Client;

/// <summary>Changes to a running session; what is null stays as it is. They take effect with the next chunk, all or none.</summary>
public sealed record ControlRequest
{
    public string? Prompt { get; init; }

    /// <summary>A preset, before everything else of the request.</summary>
    public string? Preset { get; init; }

    /// <summary>Chunks until the new prompt stands alone, or the preset holds. Default 1.</summary>
    public int? Blend { get; init; }

    /// <summary>True turns from the old prompt to the new one instead of mixing them.</summary>
    public bool? Spherical { get; init; }

    /// <summary>Largest share of noise, 0.1 to 1.</summary>
    public double? NoiseScale { get; init; }

    /// <summary>Denoising steps.</summary>
    public int? Steps { get; init; }

    public long? Seed { get; init; }

    /// <summary>Latent frames at the window's start that are kept.</summary>
    public int? Sinks { get; init; }

    /// <summary>A kept frame less similar to the new one is replaced; -1 never.</summary>
    public double? SinkThreshold { get; init; }

    /// <summary>Strengths of LoRAs by name, -10 to 10; those that are not named stay as they are.</summary>
    public IReadOnlyDictionary<string, double>? Loras { get; init; }

    /// <summary>True holds the picture, false goes on.</summary>
    public bool? Paused { get; init; }

    /// <summary>Any other changes as control lines, such as "noise 0.4 blend 2s ease"; after everything else of the request.</summary>
    public IReadOnlyList<string>? Commands { get; init; }
}

/// <summary>What became of changes.</summary>
/// <param name="Version">Of the session, with them.</param>
/// <param name="Accepted">Each as a control line.</param>
/// <param name="Applied">Where each took effect, where the request waited for that.</param>
public sealed record ControlReply(long Version, IReadOnlyList<string> Accepted, IReadOnlyList<AppliedControl>? Applied = null);

/// <summary>A change that took effect.</summary>
/// <param name="Change">As a control line.</param>
/// <param name="Chunk">First chunk that follows it.</param>
/// <param name="Frame">Number of that chunk's first frame.</param>
public sealed record AppliedControl(string Change, long Chunk, long Frame);
