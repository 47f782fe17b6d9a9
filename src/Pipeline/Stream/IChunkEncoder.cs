using StreamDiff.Models.Vae;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Stream;

/// <summary>What the denoiser starts from: the frames of a chunk, or nothing but their number.</summary>
public interface IChunkEncoder : IDisposable
{
    /// <summary>
    /// Takes a picture of the next chunk before the others are there, where the VAE can begin with it (<see cref="IVae.TakesPictures"/>).
    /// What is encoded stays the same: pictures that are not the chunk's after all are forgotten.
    /// </summary>
    /// <param name="picture">Stays the caller's; its bars may be painted over.</param>
    /// <param name="isFirst">True for the chunk's first one; later ones follow the one before.</param>
    void Prepare(VideoFrame picture, bool isFirst);

    /// <summary>Latents of a chunk; the caller still owns its frames, whose bars may be painted over.</summary>
    LatentChunk Encode(FrameChunk chunk);
}
