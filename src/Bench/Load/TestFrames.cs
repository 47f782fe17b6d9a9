using StreamDiff.Transport.Media;

namespace StreamDiff.Bench.Load;

/// <summary>
/// Pictures made beforehand, given out as pooled copies: a load must not cost much itself. They move, repeat after half a second and look
/// the same every time.
/// </summary>
public sealed class TestFrames : IDisposable
{
    private const int Different = 16;

    private readonly FramePool _pool = new();
    private readonly List<byte[]> _frames = [];
    private readonly (int Width, int Height) _size;

    public TestFrames((int Width, int Height) size)
    {
        _size = size;
        using var source = new SyntheticSource(size, _pool);
        for (var i = 0; i < Different; i++)
        {
            using var frame = (VideoFrame)source.Read(CancellationToken.None)!;
            _frames.Add(frame.Pixels.ToArray());
        }
    }

    /// <summary>A picture, the caller's to dispose.</summary>
    public VideoFrame Give(long index)
    {
        var frame = VideoFrame.Rent(_pool, _size.Width, _size.Height);
        // There and back, so that there is no jump.
        var place = (int)(index % (2 * Different - 2));
        _frames[place < Different ? place : 2 * Different - 2 - place].CopyTo(frame.Pixels);
        (frame.Index, frame.Pts) = (index, index);
        return frame;
    }

    public void Dispose() => _pool.Dispose();
}
