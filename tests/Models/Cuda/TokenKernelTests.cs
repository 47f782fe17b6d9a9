using StreamDiff.Models.Cuda;
using StreamDiff.Models.Wan.Fused;
using StreamDiff.Models.Wan.Layers;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Cuda;

/// <summary>
/// Each kernel against float64 on fresh random numbers: odd sizes, token counts that do not fill a block, results poisoned before.
/// </summary>
public sealed class TokenKernelTests
{
    public static TheoryData<int, int, bool> Sizes => new()
    {
        { 36, 2, false }, { 36, 2, true }, { 64, 2, true }, { 40, 1, false }, { 528, 4, true },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void ResidualNorm_OfAnySize_IsThatOfFloat64(int dim, int heads, bool coarse)
    {
        using var scope = NewDisposeScope();
        var (kernels, type) = Of(dim, heads, coarse);
        const int rows = 2, tokens = 7;
        var x = Random(type, rows * tokens, dim).add(Scalars.Of(3), Scalars.One);
        var y = Random(type, rows * tokens, dim);
        var time = Random(ScalarType.Float32, rows, 6, dim);
        var own = Random(ScalarType.Float32, 6, dim);
        var (weight, bias) = (Random(type, dim), Random(type, dim));
        var parts = time.add(own, Scalars.One).to_type(ScalarType.Float64).repeat_interleave(tokens, 0);
        Modulator Part(int i) => new(Argument.Of(time) + (ulong)(4 * i * dim), Argument.Of(own) + (ulong)(4 * i * dim));

        var sum = x.to_type(ScalarType.Float64).add(y.to_type(ScalarType.Float64).mul(parts.select(1, 2)), Scalars.One);
        var after = x.clone();
        var normal = Poisoned(x);
        kernels.ResidualNorm(after, y, Part(2), new Norm(Part(3), Part(4), null, null), normal, tokens);
        AssertNear(sum, after, coarse);
        var modulated = Normal(after.to_type(ScalarType.Float64)).mul(parts.select(1, 4).add(Scalars.One, Scalars.One))
            .add(parts.select(1, 3), Scalars.One);
        AssertNear(modulated, normal, coarse);

        var still = x.clone();
        normal = Poisoned(x);
        kernels.ResidualNorm(still, null, default, new Norm(default, default, weight, bias), normal, tokens);
        Assert.True(still.eq(x).all().item<bool>());
        var affine = Normal(x.to_type(ScalarType.Float64)).mul(weight.to_type(ScalarType.Float64))
            .add(bias.to_type(ScalarType.Float64), Scalars.One);
        AssertNear(affine, normal, coarse);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void NormRotate_OfAnySize_IsThatOfFloat64(int dim, int heads, bool coarse)
    {
        using var scope = NewDisposeScope();
        var (kernels, type) = Of(dim, heads, coarse);
        const int rows = 2, frames = 3, gridRows = 1, gridColumns = 5, tokens = frames * gridRows * gridColumns;
        var rotary = new RotaryEmbedding3D(dim / heads);
        var projections = Random(type, rows * tokens, 3 * dim);
        var (weightQ, weightK) = (Random(type, dim), Random(type, dim));
        var (q, k) = (Poisoned(Random(type, rows * tokens, dim)), Poisoned(Random(type, rows * tokens, dim)));
        var times = rotary.Time([4, 5, 6, 9, 10, 11], CPU);
        var space = rotary.Places(gridRows, gridColumns, CPU);
        var turns = new Turns(space, Argument.Of(times), 0, gridRows * gridColumns);
        kernels.NormRotate(projections, (weightQ, q), (weightK, k), turns, tokens);

        // The product's own rotation, of the norm rounded as the kernel rounds it.
        var table = cat([rotary.Table([4, 5, 6], gridRows, gridColumns, CPU), rotary.Table([9, 10, 11], gridRows, gridColumns, CPU)]);
        var still = rotary.Table([0, 0, 0], gridRows, gridColumns, CPU);
        AssertNear(Expected(0, weightQ, table), q, coarse);
        AssertNear(Expected(1, weightK, still), k, coarse);

        Tensor Expected(int part, Tensor weight, Tensor turns)
        {
            var x = projections.narrow(1, part * dim, dim).to_type(ScalarType.Float64);
            var norm = x.div(x.pow(Scalars.Of(2)).mean([1], keepdim: true).add(Scalars.Of(1e-6), Scalars.One).sqrt())
                .mul(weight.to_type(ScalarType.Float64)).to_type(type);
            return RotaryEmbedding3D.Rotate(norm.to_type(ScalarType.Float32).view(rows, tokens, heads, dim / heads), turns)
                .view(rows * tokens, dim).to_type(ScalarType.Float64);
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void JoinAttention_OfPartsOfTheKeys_IsThatOfAllKeys(int dim, int heads, bool coarse)
    {
        using var scope = NewDisposeScope();
        var (kernels, type) = Of(dim, heads, coarse);
        const int rows = 2, tokens = 7, first = 3, parts = 3, keys = 4 * parts;
        var q = Random(type, rows, tokens, heads, dim / heads);
        // One part weighs much more than the others: shares must not overflow.
        var k = Random(type, rows, keys, heads, dim / heads);
        k.narrow(1, 0, 4).mul_(Scalars.Of(30));
        var v = Random(type, rows, keys, heads, dim / heads);
        var (whole, _) = Sums(q, k, v);
        var (partial, sums) = Sums(
            q.narrow(1, first, tokens - first).unsqueeze(1).expand(rows, parts, -1, -1, -1).reshape(rows * parts, -1, heads, dim / heads),
            k.view(rows * parts, -1, heads, dim / heads), v.view(rows * parts, -1, heads, dim / heads));
        var to = Poisoned(q);
        kernels.JoinAttention(
            whole.narrow(1, 0, first).to_type(type).contiguous(), partial.to_type(type), sums.to_type(ScalarType.Float32).contiguous(), to);
        AssertNear(whole, to, coarse);
    }

    // Attention of [rows, tokens, heads, head_dim] in float64, and the logarithm of what its exponentials add up to.
    private static (Tensor Attended, Tensor Sums) Sums(Tensor q, Tensor k, Tensor v)
    {
        Tensor Wide(Tensor x) => x.to_type(ScalarType.Float64).transpose(1, 2);
        var products = Wide(q).matmul(Wide(k).transpose(-1, -2)).div(Scalars.Of(Math.Sqrt(q.size(-1))));
        return (products.softmax(-1).matmul(Wide(v)).transpose(1, 2).contiguous(), products.logsumexp(-1));
    }

    private static (TokenKernels Kernels, ScalarType Type) Of(int dim, int heads, bool coarse)
    {
        var config = Wan.Toy.Config with { Dim = dim, Heads = heads };
        var type = coarse ? ScalarType.BFloat16 : ScalarType.Float32;
        return (new TokenKernels(FusedTickTests.For(config, type), config), type);
    }

    private static Tensor Normal(Tensor x)
    {
        var off = x.sub(x.mean([1], keepdim: true));
        return off.div(off.pow(Scalars.Of(2)).mean([1], keepdim: true).add(Scalars.Of(1e-6), Scalars.One).sqrt());
    }

    private static Tensor Random(ScalarType type, params long[] shape) => randn(shape, ScalarType.Float32).to_type(type);

    private static Tensor Poisoned(Tensor like) => full_like(like, Scalars.Of(double.NaN));

    // A result is rounded once: by half a unit of bfloat16's eight bits, or of float32's.
    private static void AssertNear(Tensor expected, Tensor actual, bool coarse)
    {
        var limit = expected.abs().mul(Scalars.Of(coarse ? 1 / 128.0 : 4e-6)).add(Scalars.Of(coarse ? 2e-2 : 4e-6), Scalars.One);
        Assert.True(actual.to_type(ScalarType.Float64).sub(expected).abs().le(limit).all().item<bool>());
    }
}
