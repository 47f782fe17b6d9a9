using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Stream;

/// <summary>
/// Groups frames into chunks. The first frame is one latent frame, each later group of four is one more. Holds at most one chunk.
/// </summary>
/// <param name="latentFrames">Latent frames per chunk, k. Default 1.</param>
/// <param name="firstLatentFrames">Latent frames of the first chunk. Default k + 1: frame 0 and a chunk like all others.</param>
public sealed class Chunker(int latentFrames = 1, int? firstLatentFrames = null) : IDisposable
{
    /// <summary>Video frames that make one latent frame after the first.</summary>
    public const int FramesPerLatent = 4;

    private readonly List<VideoFrame> _waiting = [];
    private long _next;

    /// <summary>Frames of the chunk being filled.</summary>
    public int Wanted => _next > 0 ? FramesPerLatent * latentFrames : FramesPerLatent * ((firstLatentFrames ?? latentFrames + 1) - 1) + 1;

    /// <summary>Takes a frame; gives a chunk when it is complete.</summary>
    public FrameChunk? Add(VideoFrame frame)
    {
        _waiting.Add(frame);
        return _waiting.Count == Wanted ? Take() : null;
    }

    /// <summary>
    /// The stream has ended: the last chunk, its missing frames standing for the last real one, or null when nothing waits.
    /// </summary>
    public FrameChunk? Finish() => _waiting.Count == 0 ? null : Take();

    public void Dispose()
    {
        foreach (var frame in _waiting)
            frame.Dispose();
        _waiting.Clear();
    }

    private FrameChunk Take()
    {
        var timing = _waiting.Select(FrameTiming.Of).ToArray();
        var frames = _waiting.ToList();
        // The same frame object may stand several times: giving it back twice does no harm.
        while (frames.Count < Wanted)
            frames.Add(frames[^1]);
        _waiting.Clear();
        return new FrameChunk(_next++, frames, timing);
    }
}
