using StreamDiff.Models.Vae;
using StreamDiff.Pipeline.Chunking;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Decoding;

/// <summary>Latents of one stream to frames that carry the timing of those that went in.</summary>
public sealed class ChunkDecoder(IVae vae, FramePool pool) : IDisposable
{
    private readonly IVaeDecoder _decoder = vae.OpenDecoder();

    /// <summary>The chunk's real frames; the caller owns them and still owns the latents.</summary>
    public IReadOnlyList<VideoFrame> Decode(LatentChunk chunk)
    {
        using var pixels = _decoder.Decode(chunk.Latents);
        var frames = FrameTensors.ToFrames(pixels, chunk.Timing.Count, pool);
        for (var i = 0; i < frames.Length; i++)
            (frames[i].Index, frames[i].Pts, frames[i].Duration) = (chunk.Timing[i].Index, chunk.Timing[i].Pts, chunk.Timing[i].Duration);
        return frames;
    }

    public void Dispose() => _decoder.Dispose();
}
