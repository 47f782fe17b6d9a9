using StreamDiff.Models.Vae;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Tests.Vae;

/// <summary>Copies by 16 bytes are those of ATen.</summary>
public sealed class FrameCopiesTests
{
    [Theory]
    [InlineData(ScalarType.Float32, 8)]
    [InlineData(ScalarType.BFloat16, 24)]
    public void Copies_OfFramesWithChannelsLast_AreThoseOfAten(ScalarType type, long channels)
    {
        using var scope = NewDisposeScope();
        var frames = Frames(3, channels);
        var before = Frames(1, channels);
        AssertSame(F.interpolate(frames, scale_factor: [2, 2]), FrameCopies.Doubled(frames));
        AssertSame(cat([frames, cat([before, frames.narrow(0, 0, 2)])], 1), FrameCopies.WithPast(frames, before));
        AssertSame(cat([before, zeros_like(before)], 1), FrameCopies.WithPast(before, null));

        Tensor Frames(long count, long channels) =>
            randn([count, 5, 7, channels], ScalarType.Float32).to_type(type).permute(0, 3, 1, 2);

        static void AssertSame(Tensor expected, Tensor actual)
        {
            Assert.Equal(expected.shape, actual.shape);
            Assert.True(expected.eq(actual).all().item<bool>());
            // The next convolution takes it as it lies.
            Assert.True(actual.permute(0, 2, 3, 1).is_contiguous());
        }
    }
}
