using System.Runtime.InteropServices;
using CsCheck;
using StreamDiff.Pipeline.Stream;
using StreamDiff.Transport.Media;
using static TorchSharp.torch;

namespace StreamDiff.Pipeline.Tests.Stream;

public sealed partial class FrameTensorsTests
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

    [Theory]
    [InlineData(32, 24)]
    [InlineData(8, 6)]
    public void Resized_AtEveryChunk_HasNoWarningOfTheLibrary(int width, int height)
    {
        var file = Path.GetTempFileName();
        try
        {
            using var pixels = zeros([1, 2, 3, 12, 16]);
            using (var into = File.OpenHandle(file, FileMode.Create, FileAccess.Write))
            {
                // Others may write there meanwhile; this warning is known by its name.
                var before = Duplicate(2);
                Assert.Equal(2, Duplicate((int)into.DangerousGetHandle(), 2));
                using var sized = FrameTensors.Resized(pixels, (width, height));
                Assert.Equal(2, Duplicate(before, 2));
                Assert.Equal([1, 2, 3, height, width], sized!.shape);
            }
            Assert.DoesNotContain("align_corners", File.ReadAllText(file), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    [LibraryImport("libc", EntryPoint = "dup")]
    private static partial int Duplicate(int descriptor);

    [LibraryImport("libc", EntryPoint = "dup2")]
    private static partial int Duplicate(int descriptor, int into);
}
