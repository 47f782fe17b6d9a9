using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Stream;

/// <summary>Latents of a chunk, [1, f, 16, h, w], on their way. Whoever holds it disposes it.</summary>
/// <param name="Index">Place of the chunk in the stream.</param>
/// <param name="Latents">Encoded, or denoised.</param>
/// <param name="Motion">Largest RMS difference of neighbouring frames.</param>
/// <param name="Timing">One entry per real frame.</param>
public sealed record LatentChunk(long Index, Tensor Latents, double Motion, IReadOnlyList<FrameTiming> Timing) : IDisposable
{
    /// <summary>Position in latent frames, for replays of recorded positions; null follows the chunk before.</summary>
    internal long? StartFrame { get; init; }

    /// <summary>True for a chunk that shows the last frame once more: it has no latents.</summary>
    public bool IsHeld { get; init; }

    /// <summary>The frames that went in, packed RGB, where layers may need them; null otherwise.</summary>
    internal IReadOnlyList<byte[]>? Inputs { get; init; }

    /// <summary>What of the picture is the input's own; null for nothing.</summary>
    internal FrameLayers? Layers { get; init; }

    /// <summary>What the last frame that went in looks like; null where nobody has looked.</summary>
    internal PictureLook? Look { get; init; }

    /// <summary>Faces of the last frame that went in; null where nobody has looked.</summary>
    internal IReadOnlyList<FaceBox>? Faces { get; init; }

    /// <summary>True where the picture is another one than in the chunk before: a cut.</summary>
    internal bool IsCut { get; init; }

    public void Dispose() => Latents.Dispose();
}
