using StreamDiff.Transport.Media;

namespace StreamDiff.Transport.Tests.Media;

public sealed class FramePoolTests
{
    [Fact]
    public void Rent_AfterDispose_ReusesTheBuffer()
    {
        using var pool = new FramePool();
        var first = VideoFrame.Rent(pool, 64, 48);
        var address = first.Pointer;
        first.Dispose();

        using var second = VideoFrame.Rent(pool, 64, 48);

        Assert.Equal(address, second.Pointer);
        Assert.Equal(0, address % 64);
        Assert.Equal(64 * 48 * 3, second.Pixels.Length);
    }

    [Fact]
    public void Outstanding_FramesDisposedTwice_CountsEachOnce()
    {
        using var pool = new FramePool();
        var first = VideoFrame.Rent(pool, 16, 16);
        using var second = VideoFrame.Rent(pool, 32, 16);
        Assert.Equal(2, pool.Outstanding);

        first.Dispose();
        first.Dispose();

        Assert.Equal(1, pool.Outstanding);
    }

    [Fact]
    public void Frame_OutlivesItsPool_StaysUsable()
    {
        var pool = new FramePool();
        var frame = VideoFrame.Rent(pool, 16, 16);

        pool.Dispose();
        frame.Pixels.Fill(7);
        frame.Dispose();

        Assert.Equal(0, pool.Outstanding);
        Assert.Throws<ObjectDisposedException>(() => VideoFrame.Rent(pool, 16, 16));
    }

    [Fact]
    public void Pixels_AfterDispose_Throws()
    {
        using var pool = new FramePool();
        var frame = VideoFrame.Rent(pool, 16, 16);
        frame.Dispose();

        Assert.Throws<ObjectDisposedException>(() => frame.Pixels.Length);
    }
}
