namespace StreamDiff.Pipeline.Stream;

/// <summary>What the denoiser starts from: the frames of a chunk, or nothing but their number.</summary>
public interface IChunkEncoder : IDisposable
{
    /// <summary>Latents of a chunk; the caller still owns its frames, whose bars may be painted over.</summary>
    LatentChunk Encode(FrameChunk chunk);
}
