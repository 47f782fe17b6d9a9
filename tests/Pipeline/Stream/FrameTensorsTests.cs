using CsCheck;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Stream;

public sealed class FrameTensorsTests
{
    [Theory]
    [InlineData(32, 24)]
    [InlineData(17, 3)]
    [InlineData(1, 1)]
    public void ThereAndBack_AnySize_AreTheSameBytes(int width, int height)
    {
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, width, height);
        for (var i = 0; i < frame.Pixels.Length; i++)
            frame.Pixels[i] = (byte)(i * 7);
        using var pixels = FrameTensors.ToPixels([frame], CPU, ScalarType.Float32);
        Assert.Equal([1, 1, 3, height, width], pixels.shape);
        using var back = FrameTensors.ToFrames(pixels, 1, pool)[0];
        Assert.True(frame.Pixels.SequenceEqual(back.Pixels));
    }

    [Fact]
    public void Unpack_AnyPixels_GivesPlanesInMinusOneToOne() =>
        Gen.Int[1, 100].SelectMany(n => Gen.Byte.Array[3 * n]).Sample(packed =>
        {
            var n = packed.Length / 3;
            var planes = new float[3 * n];
            PixelPacking.Unpack(packed, planes.AsSpan(0, n), planes.AsSpan(n, n), planes.AsSpan(2 * n, n));
            for (var i = 0; i < packed.Length; i++)
                Assert.Equal(packed[i] / 127.5f - 1, planes[i % 3 * n + i / 3], 1e-6f);
        });

    [Fact]
    public void Pack_OutOfRange_IsClamped()
    {
        var wild = Enumerable.Range(0, 40).Select(i => (float)((i - 20) * 1e3)).ToArray();
        var packed = new byte[120];
        PixelPacking.Pack(wild, wild, wild, packed);
        Assert.All(packed[..60], b => Assert.Equal(0, b));
        Assert.All(packed[63..], b => Assert.Equal(255, b));
    }
}
