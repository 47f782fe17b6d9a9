using StreamDiff.Models.Loras;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;

namespace StreamDiff.Models.Diffusion;

/// <summary>How one chunk is denoised: bound to it when it is admitted, whatever changes later.</summary>
/// <param name="Prompt">What it follows; stays the caller's and must live until the chunk has been taken.</param>
/// <param name="Timesteps">Timesteps of its denoising steps, noisiest first; one at least.</param>
public sealed record ChunkSettings(IPrompt Prompt, IReadOnlyList<double> Timesteps)
{
    /// <summary>Seed of the chunk's noise; null for the stream's own.</summary>
    public long? Seed { get; init; }

    /// <summary>
    /// Sinks less similar to the chunk than this are replaced, -1 never; null for the cache's own threshold. Without effect in caches whose
    /// sinks never adapt.
    /// </summary>
    public double? SinkThreshold { get; init; }

    /// <summary>Strengths of the model's LoRAs; null for those that it was loaded with.</summary>
    public LoraStrengths? Loras { get; init; }

    /// <summary>Latent frames that are kept from this chunk on, no more than the cache has sinks; null changes nothing.</summary>
    public int? SinkFrames { get; init; }
}

/// <summary>A denoising step of a chunk that can run now.</summary>
/// <param name="Chunk">Number of the chunk, from 0.</param>
/// <param name="Step">Denoising step, from 0.</param>
/// <param name="Frames">Latent frames of the chunk; rows of equal counts can share a tick.</param>
public readonly record struct ReadyRow(long Chunk, int Step, int Frames);
