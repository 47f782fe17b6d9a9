using CsCheck;
using StreamDiff.Pipeline.Encoding;
using StreamDiff.Pipeline.Noising;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Noising;

public sealed class FrameMotionTests
{
    [Fact]
    public void Rms_AnyBytes_EqualsThePlainLoop() =>
        Gen.Int[1, 3000].SelectMany(n => Gen.Select(Gen.Byte.Array[n], Gen.Byte.Array[n])).Sample((a, b) =>
        {
            var expected = Math.Sqrt(a.Zip(b, (x, y) => (double)(x - y) * (x - y)).Sum() / a.Length) / 127.5;
            Assert.Equal(expected, FrameMotion.Rms(a, b), 12);
        });

    [Fact]
    public void Rms_LargestDifferenceOverALargePicture_DoesNotOverflow() =>
        Assert.Equal(2, FrameMotion.Rms(new byte[20_000_000], Enumerable.Repeat((byte)255, 20_000_000).ToArray()), 12);

    [Fact]
    public void FrameTensors_ThereAndBack_AreTheSameBytes()
    {
        using var pool = new FramePool();
        using var frame = VideoFrame.Rent(pool, 32, 24);
        for (var i = 0; i < frame.Pixels.Length; i++)
            frame.Pixels[i] = (byte)(i * 7);
        using var pixels = FrameTensors.ToPixels([frame], CPU, ScalarType.Float32);
        Assert.Equal([1, 1, 3, 24, 32], pixels.shape);
        using var back = FrameTensors.ToFrames(pixels, 1, pool)[0];
        Assert.True(frame.Pixels.SequenceEqual(back.Pixels));
    }
}
