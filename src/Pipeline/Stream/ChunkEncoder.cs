using StreamDiff.Models.Vae;

namespace StreamDiff.Pipeline.Stream;

/// <summary>Frames of one stream to latents, and how much they move.</summary>
public sealed class ChunkEncoder(IVae vae) : IChunkEncoder
{
    private readonly IVaeEncoder _encoder = vae.OpenEncoder();
    private readonly FrameMotion _motion = new();

    /// <summary>Frames are brought to this size first; null leaves them as they are.</summary>
    internal (int Width, int Height)? Size { get; init; }

    public LatentChunk Encode(FrameChunk chunk)
    {
        // A hard black edge would be painted as part of the picture, and spoil what is beside it: the networks see the picture continued
        // instead. The decoder makes the bars again.
        foreach (var frame in chunk.Frames)
            frame.ExtendContent();
        var motion = _motion.Measure(chunk.Frames);
        using var pixels = FrameTensors.ToPixels(chunk.Frames, vae.Device, vae.Type);
        using var sized = FrameTensors.Resized(pixels, Size);
        return new LatentChunk(chunk.Index, _encoder.Encode(sized ?? pixels).DetachFromDisposeScope(), motion, chunk.Timing);
    }

    public void Dispose() => _encoder.Dispose();
}
