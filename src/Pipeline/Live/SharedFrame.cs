using StreamDiff.Transport.Media;

namespace StreamDiff.Pipeline.Live;

/// <summary>A frame that several outputs show, and some more than once. The last one to let go returns its memory.</summary>
public sealed class SharedFrame(VideoFrame frame) : IDisposable
{
    private int _holders = 1;

    /// <summary>The frame; not to be changed.</summary>
    public VideoFrame Frame => frame;

    /// <summary>One holder more.</summary>
    public SharedFrame Share()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    /// <summary>One holder less.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _holders) == 0)
            frame.Dispose();
    }
}
