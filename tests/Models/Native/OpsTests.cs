using StreamDiff.Models.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Native;

public sealed class OpsTests
{
    [Theory]
    [InlineData(1, 8)]
    [InlineData(7, 64)]
    public void RmsNorm_RandomInput_EqualsTheFormula(long rows, long dim)
    {
        using var scope = NewDisposeScope();
        var x = randn(rows, dim);
        var weight = randn(dim);
        var expected = x * rsqrt(x.pow(Scalars.Of(2)).mean([-1], true).add(Scalars.Of(1e-6), Scalars.One)) * weight;

        var actual = Ops.RmsNorm(x, weight, 1e-6);

        Assert.True((actual - expected).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Attention_OwnScale_EqualsTheFormula()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = (randn(2, 3, 5, 8), randn(2, 3, 9, 8), randn(2, 3, 9, 8));
        var expected = (q.matmul(k.transpose(-1, -2)).mul(Scalars.Of(0.3))).softmax(-1).matmul(v);

        var actual = Ops.Attention(q, k, v, 0.3);

        Assert.True((actual - expected).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public void Call_UnknownOperator_ThrowsInsteadOfAborting() =>
        Assert.Throws<InvalidOperationException>(() => StableAbi.Call("aten::no_such_operator\0"u8, "\0"u8, new ulong[1]));

    [Fact]
    public void View_OverTensorMemory_SeesWritesOfBothSides()
    {
        using var owner = zeros(2, 3);
        using var view = TensorMemory.View(TensorMemory.Address(owner), [3, 2], [1, 3], ScalarType.Float32);
        owner[1, 2] = tensor(5f);
        Assert.Equal(5f, view[2, 1].item<float>());
        TensorMemory.Span<float>(owner)[0] = 7;
        Assert.Equal(7f, view[0, 0].item<float>());
    }
}
