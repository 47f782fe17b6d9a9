using StreamDiff.Models.Cuda;
using StreamDiff.Models.Native;
using StreamDiff.Models.Wan.Fused;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Cuda;

/// <summary>Where attention is cut in two, and that it then has the sums it needs.</summary>
public sealed class AttentionSplitTests
{
    // Measured on an H200 (docs/gpu.md): one row takes 0.65 of the time in two calls, two rows 0.88, six 0.90; four and the 14B's 40 heads
    // gain nothing.
    [Theory]
    [InlineData(1, 12, true)]
    [InlineData(2, 12, true)]
    [InlineData(6, 12, true)]
    [InlineData(4, 12, false)]
    [InlineData(8, 12, false)]
    [InlineData(1, 40, false)]
    [InlineData(2, 40, false)]
    public void For_AnH200_SplitsWhatWasMeasuredToGain(int rows, int heads, bool splits)
    {
        var split = AttentionSplit.For(rows, heads, 1560, 6 * 1560, new AttentionPieces(132, 128, 1100));
        Assert.Equal(splits, split is not null);
        if (split is { } cut)
        {
            Assert.Equal(0, cut.First % 128);
            Assert.Equal(0, 6 * 1560 % cut.Parts);
        }
    }

    [Fact]
    public void For_FewQueriesOrKeysThatCannotBeParted_DoesNot()
    {
        Assert.Null(AttentionSplit.For(1, 12, 100, 9360, new AttentionPieces(132, 128, 1100)));
        Assert.Null(AttentionSplit.For(1, 12, 1560, 9343, new AttentionPieces(132, 128, 1100)));
        Assert.Null(AttentionSplit.For(1, 12, 1560, 240, new AttentionPieces(132, 128, 1100)));
    }

    [Fact]
    public void AttentionWithSums_OfAnyLayout_IsAttentionAndItsSums()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = (randn(2, 5, 3, 8), randn(2, 9, 3, 8), randn(2, 9, 3, 8));
        var (attended, sums) = Ops.AttentionWithSums(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2));
        var products = q.transpose(1, 2).matmul(k.transpose(1, 2).transpose(-1, -2)).div(Scalars.Of(Math.Sqrt(8)));
        Assert.True(products.logsumexp(-1).allclose(sums, 1e-5, 1e-5));
        Assert.True(products.softmax(-1).matmul(v.transpose(1, 2)).allclose(attended, 1e-5, 1e-5));
    }
}
