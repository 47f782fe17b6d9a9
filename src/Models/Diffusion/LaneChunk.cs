using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Diffusion;

/// <summary>A chunk in flight: its latents and how far it has come.</summary>
internal sealed class LaneChunk(long number, long startFrame, int depthBefore, Tensor latents, ChunkSettings settings) : IDisposable
{
    public long Number => number;

    /// <summary>Position of its first latent frame.</summary>
    public long StartFrame => startFrame;

    public ChunkSettings Settings => settings;

    /// <summary>float32 [1, frames, 16, h, w]: noised for the next step, or clean after the last.</summary>
    public Tensor Latents { get; private set; } = latents;

    public int Frames { get; } = (int)latents.size(1);

    public int Steps => settings.Timesteps.Count;

    /// <summary>
    /// True where the lanes of its later steps begin with this step: it is the last one that the chunk before took (the first chunk leaves one lane), and this chunk takes more.
    /// They are then copied from the lane of this step, before it changes: a moment that does not depend on the order of ticks.
    /// </summary>
    public bool Joins => number > 0 && Done == depthBefore - 1 && Steps > depthBefore;

    /// <summary>Steps done.</summary>
    public int Done { get; private set; }

    public bool IsDone => Done == Steps;

    /// <summary>The next step has been done with this result, which belongs to the chunk from then on.</summary>
    public void Advance(Tensor latents)
    {
        Latents.Dispose();
        Latents = latents.DetachFromDisposeScope();
        Done++;
    }

    public void Dispose() => Latents.Dispose();
}
