using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Stream;

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

/// <summary>When a frame is shown and what of it is the source's picture, kept while its pixels are elsewhere.</summary>
/// <param name="Index">Position in the source's stream, from 0.</param>
/// <param name="Pts">When it is shown, in the stream's ticks.</param>
/// <param name="Duration">For how long, in the same.</param>
/// <param name="Content">See <see cref="VideoFrame.Content"/>. Default null.</param>
public readonly record struct FrameTiming(long Index, long Pts, long Duration, PixelRect? Content = null)
{
    /// <summary>What a frame carries.</summary>
    public static FrameTiming Of(VideoFrame frame) => new(frame.Index, frame.Pts, frame.Duration, frame.Content);

    /// <summary>Gives it to a frame; the pixels stay as they are.</summary>
    public void Mark(VideoFrame frame) => (frame.Index, frame.Pts, frame.Duration, frame.Content) = (Index, Pts, Duration, Content);
}
