namespace StreamDiff.Scheduling.Slo;

/// <summary>What a session may give up to keep its deadlines.</summary>
public enum Degradation
{
    /// <summary>One denoising step less, down to one.</summary>
    FewerSteps,

    /// <summary>The small autoencoder instead of the large one.</summary>
    TinyVae,

    /// <summary>Three quarters of width and height, at most twice.</summary>
    LowerResolution,

    /// <summary>Every second picture only, repeated at the output.</summary>
    LowerFps,

    /// <summary>Whole chunks are left out while nothing else helps.</summary>
    Drop,
}
