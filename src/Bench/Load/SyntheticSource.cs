using StreamDiff.Transport.Media;

namespace StreamDiff.Bench.Load;

/// <summary>Frames made without FFmpeg: a diagonal pattern that moves by one pixel a frame, for ever.</summary>
internal sealed class SyntheticSource((int Width, int Height) size, FramePool pool) : IFrameSource
{
    private long _next;

    public VideoStreamInfo Video { get; } = new(size.Width, size.Height, new Rational(16, 1), new Rational(1, 16));

    public AudioStreamInfo? Audio => null;

    public MediaUnit? Read(CancellationToken ct)
    {
        var frame = VideoFrame.Rent(pool, size.Width, size.Height);
        var pixels = frame.Pixels;
        for (var row = 0; row < size.Height; row++)
            for (var at = 0; at < 3 * size.Width; at++)
                pixels[3 * row * size.Width + at] = (byte)(at + 2 * row + 3 * _next);
        frame.Index = _next;
        frame.Pts = _next++;
        return frame;
    }

    public void Dispose()
    {
    }
}
