using CsCheck;
using StreamDiff.Pipeline.Stream;

namespace StreamDiff.Pipeline.Tests.Stream;

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
}
