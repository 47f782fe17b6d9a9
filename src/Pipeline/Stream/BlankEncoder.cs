using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Stream;

/// <summary>For text-to-video: latents that say nothing, in the number that the frames ask for.</summary>
internal sealed class BlankEncoder(int channels, int height, int width, Device device) : IChunkEncoder
{
    public void Prepare(VideoFrame picture, bool isFirst)
    {
    }

    public LatentChunk Encode(FrameChunk chunk)
    {
        var frames = (chunk.Frames.Count + Chunker.FramesPerLatent - 1) / Chunker.FramesPerLatent;
        var latents = zeros([1, frames, channels, height, width], ScalarType.Float32, device).DetachFromDisposeScope();
        // The picture is the model's own and fills the frame, whatever the source's shape.
        return new LatentChunk(chunk.Index, latents, 0, [.. chunk.Timing.Select(t => t with { Content = null })]);
    }

    public void Dispose()
    {
    }
}
