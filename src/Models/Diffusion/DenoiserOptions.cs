using StreamDiff.Models.KvCache;

namespace StreamDiff.Models.Diffusion;

/// <summary>How a stream is denoised.</summary>
public sealed record DenoiserOptions
{
    /// <summary>Timesteps of the denoising steps, noisiest first. Live default: the first N of 700, 500, 400, 200.</summary>
    public required IReadOnlyList<double> Timesteps { get; init; }

    /// <summary>Sizes of the KV cache.</summary>
    public required CacheGeometry Geometry { get; init; }

    public KeyRotation Rotation { get; init; } = KeyRotation.Relative;

    /// <summary>Latent height / 2, H/16.</summary>
    public required int GridRows { get; init; }

    /// <summary>Latent width / 2, W/16.</summary>
    public required int GridColumns { get; init; }

    /// <summary>Shift of the flow-matching schedule. Default 8.</summary>
    public double Shift { get; init; } = 8;

    /// <summary>
    /// Published rotation only: the frame index at which it jumps back to the window's end, so that it never leaves the network's range;
    /// null never. Default 50.
    /// </summary>
    public int? RopeRefreshFrame { get; init; } = 50;

    /// <summary>The frame index at which a chunk begins that would begin at <paramref name="next"/>: there, or jumped back.</summary>
    public long FrameIndex(long next) =>
        Rotation == KeyRotation.Published && next >= RopeRefreshFrame ? Geometry.WindowFrames - 1 : next;

    /// <summary>
    /// All steps of a chunk on one lane, each over what the step before has written, and each chunk after the one before: what a chunk sees
    /// of earlier ones is what their last step left, as the sequential and text-to-video modes of the published system have it. Default
    /// false: a lane for each step.
    /// </summary>
    public bool OnOneLane { get; init; }

    /// <summary>
    /// True replays the published system also where this one differs on purpose. Default false. The differences: there the slots of the
    /// cache are whole chunks, and the first frame after the sinks stays for ever when the first chunk ends before it (here every frame is
    /// a slot, so that chunks of any length can follow each other and all frames roll); rows of the batch which no chunk has reached yet
    /// run on zeros and leave those in their lanes (here they do not run); on one lane each step of a chunk looks at the sinks anew (here
    /// the first one decides).
    /// </summary>
    public bool AsPublished { get; init; }
}
