using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Chunking;

/// <summary>Frames that are encoded together: 1 + 4k at the start of a stream, 4k later. Whoever holds it disposes it.</summary>
/// <param name="index">Place in the stream, from 0.</param>
/// <param name="frames">The frames; where a stream ends within a chunk the last real one stands again for those that are missing.</param>
/// <param name="timing">One entry per real frame.</param>
public sealed class FrameChunk(long index, IReadOnlyList<VideoFrame> frames, IReadOnlyList<FrameTiming> timing) : IDisposable
{
    public long Index => index;

    public IReadOnlyList<VideoFrame> Frames => frames;

    /// <summary>Real frames; as many leave the pipeline.</summary>
    public IReadOnlyList<FrameTiming> Timing => timing;

    public void Dispose()
    {
        foreach (var frame in frames)
            frame.Dispose();
    }
}

/// <summary>When a frame is shown, kept while its pixels are elsewhere.</summary>
public readonly record struct FrameTiming(long Index, long Pts, long Duration);
