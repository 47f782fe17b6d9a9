using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Decoding;

/// <summary>Finished frames of one chunk. Whoever holds it disposes it.</summary>
public sealed record FrameBatch(long Index, IReadOnlyList<VideoFrame> Frames) : IDisposable
{
    public void Dispose()
    {
        foreach (var frame in Frames)
            frame.Dispose();
    }
}
