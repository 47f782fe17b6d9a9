using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Chunking;

/// <summary>Groups frames into chunks: 1 + 4k first, then 4k. Holds at most one chunk.</summary>
/// <param name="latentFrames">Latent frames per chunk, k. Default 1.</param>
public sealed class Chunker(int latentFrames = 1) : IDisposable
{
    /// <summary>Video frames that make one latent frame after the first.</summary>
    public const int FramesPerLatent = 4;

    private readonly List<VideoFrame> _waiting = [];
    private long _next;

    /// <summary>Frames of the chunk being filled.</summary>
    public int Wanted => FramesPerLatent * latentFrames + (_next == 0 ? 1 : 0);

    /// <summary>Takes a frame; gives a chunk when it is complete.</summary>
    public FrameChunk? Add(VideoFrame frame)
    {
        _waiting.Add(frame);
        return _waiting.Count == Wanted ? Take() : null;
    }

    /// <summary>The stream has ended: the last chunk, its missing frames standing for the last real one, or null when nothing waits.</summary>
    public FrameChunk? Finish() => _waiting.Count == 0 ? null : Take();

    public void Dispose()
    {
        foreach (var frame in _waiting)
            frame.Dispose();
        _waiting.Clear();
    }

    private FrameChunk Take()
    {
        var timing = _waiting.Select(f => new FrameTiming(f.Index, f.Pts, f.Duration)).ToArray();
        var frames = _waiting.ToList();
        // The same frame object may stand several times: giving it back twice does no harm.
        while (frames.Count < Wanted)
            frames.Add(frames[^1]);
        _waiting.Clear();
        return new FrameChunk(_next++, frames, timing);
    }
}
