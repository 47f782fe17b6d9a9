using StreamDiff.Models.Cuda;
using StreamDiff.Models.KvCache;
using StreamDiff.Models.Native;
using StreamDiff.Models.Tests.Diffusion;
using StreamDiff.Models.Tests.Wan;
using StreamDiff.Models.Wan;
using StreamDiff.Models.Wan.Layers;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Tests.Cuda;

/// <summary>
/// Products in float8: what they are made of is what libtorch's own conversion gives, and streams with own kernels are those without.
/// </summary>
public sealed class Float8Tests
{
    private static readonly WanConfig Float8 = Toy.Config with { Blocks = 4, Float8 = true };

    [Theory]
    [InlineData(false, 7, 48)]
    [InlineData(true, 3, 40)]
    [InlineData(true, 5, 1024)]
    public void QuantiseRows_OfAnySize_IsTheConversionOfLibtorch(bool coarse, int rows, int columns)
    {
        using var scope = NewDisposeScope();
        var (kernels, type) = Of(coarse);
        // From far below the smallest step to far above it, both signs, a row of zeros, a row of one number.
        var x = randn([rows, columns]).mul(randn([rows, columns]).mul(Scalars.Of(3)).exp()).to_type(type);
        x[0].zero_();
        x[1].fill_(Scalars.Of(-3e4f));
        var made = kernels.QuantiseRows(x, gelu: false);
        var expected = Float8Rows.Of(x);
        Assert.Equal(Bytes(expected.Values), Bytes(made.Values));
        Assert.True(made.Scales!.eq(expected.Scales).all().item<bool>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void QuantiseRows_WithGelu_IsThatOfLibtorch(bool coarse)
    {
        using var scope = NewDisposeScope();
        var (kernels, type) = Of(coarse);
        var x = randn([6, 64]).mul(Scalars.Of(4)).to_type(type);
        x[2].mul_(Scalars.Of(1e4f));
        var made = kernels.QuantiseRows(x, gelu: true);
        var expected = nn.functional.gelu(x.to_type(ScalarType.Float64), TorchSharp.Modules.GELU.Approximate.tanh);
        var actual = made.Values.to_type(ScalarType.Float64).mul(made.Scales!);
        // A step is an eighth of the number; below 2^-6 of what the scale stands for it is 2^-9 of it.
        var limit = expected.abs().mul(Scalars.Of(1.02 / 16)).add(made.Scales!.mul(Scalars.Of(1.02f / 1024)), Scalars.One)
            .add(Scalars.Of(coarse ? 1e-3 : 1e-6), Scalars.One);
        Assert.True(actual.sub(expected).abs().le(limit).all().item<bool>());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ResidualNorm_IntoFloat8_IsTheNormConverted(bool coarse)
    {
        using var scope = NewDisposeScope();
        var (kernels, type) = Of(coarse);
        const int tokens = 7;
        var dim = Float8.Dim;
        var x = randn([2 * tokens, dim]).to_type(type);
        var y = randn([2 * tokens, dim]).to_type(type);
        var (weight, bias) = (randn([dim]).to_type(type), randn([dim]).to_type(type));
        var norm = new Norm(default, default, weight, bias);
        var (plain, narrow) = (x.clone(), x.clone());
        var normal = empty_like(x);
        kernels.ResidualNorm(plain, y, default, norm, normal, tokens);
        var to = new LayerInput(empty([2 * tokens, dim], Float8Rows.Type), full([2 * tokens, 1], Scalars.Of(float.NaN)));
        kernels.ResidualNorm(narrow, y, default, norm, to, tokens);
        var expected = Float8Rows.Of(normal);
        Assert.True(narrow.eq(plain).all().item<bool>());
        Assert.Equal(Bytes(expected.Values), Bytes(to.Values));
        Assert.True(to.Scales!.eq(expected.Scales).all().item<bool>());
    }

    [Fact]
    public void Linear_InFloat8_IsTheProductOfWhatItsNumbersStandFor()
    {
        using var scope = NewDisposeScope();
        var (x, weight, bias) = (Float8Rows.Of(randn([5, 48])), Float8Rows.Of(randn([32, 48])), randn([32]));
        var expected = Wide(x).matmul(Wide(weight).t()).add(bias.to_type(ScalarType.Float64), Scalars.One);
        var actual = Ops.Float8Linear(x.Values, x.Scales, weight.Values, weight.Scales, bias, ScalarType.Float32);
        Assert.True(actual.sub(expected).abs().max().item<double>() < 1e-4);

        static Tensor Wide(Float8Rows rows) => rows.Values.to_type(ScalarType.Float64).mul(rows.Scales);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void Streams_InFloat8_AreTheSameWithOwnKernels_AndNearThoseOfFullPrecision()
    {
        Script[] scripts = [Script.Of(_ => 2), Script.Of(c => 1 + c % 3)];
        using var full = new LaneWorld(KeyRotation.Relative, 0.8, config: Float8 with { Float8 = false });
        using var plain = new LaneWorld(KeyRotation.Relative, 0.8, config: Float8);
        using var fused = new LaneWorld(KeyRotation.Relative, 0.8, config: Float8);
        fused.Model.Use(FusedTickTests.For(Float8));
        var wanted = full.Run(scripts, LaneOrder.StreamBatch);
        var expected = plain.Run(scripts, LaneOrder.StreamBatch);
        var actual = fused.Run(scripts, LaneOrder.StreamBatch);

        // Where the last bit of a norm differs a number may fall to the next step of float8.
        Assert.InRange(Distance(expected, actual), 0, 5e-3);
        Assert.InRange(Distance(wanted, expected), 1e-4, 0.1);
        Assert.InRange(fused.Model.Ticks.Replayed, 1, fused.Model.Ticks.Ticks);
    }

    [Fact]
    public void Weights_InFloat8_TakeAQuarterOfFloat32_ButForBothEnds()
    {
        using var full = CausalWanModel.Load(Float8 with { Float8 = false }, .., new RandomWeightSource(3), CPU, ScalarType.Float32);
        using var narrow = CausalWanModel.Load(Float8, .., new RandomWeightSource(3), CPU, ScalarType.Float32);
        long Products(int bytes) => bytes * (8L * Float8.Dim * Float8.Dim + 2L * Float8.Dim * Float8.FfnDim);
        var scales = 4L * (8 * Float8.Dim + Float8.FfnDim + Float8.Dim);
        Assert.Equal(full.WeightBytes - narrow.WeightBytes, 2 * (Products(4) - Products(1) - scales));
    }

    [Fact]
    public void Sizes_ThatFloat8CannotMultiply_AreRefused()
    {
        var refused = Assert.Throws<ModelException>(() => (Float8 with { FfnDim = 72 }).Checked());
        Assert.Contains("multiples of 16", refused.Message, StringComparison.Ordinal);
        Assert.Contains("does not multiply float8", CudaFeatures.WhyNoFloat8(CPU), StringComparison.Ordinal);
    }

    private static (TokenKernels Kernels, ScalarType Type) Of(bool coarse)
    {
        var type = coarse ? ScalarType.BFloat16 : ScalarType.Float32;
        return (new TokenKernels(FusedTickTests.For(Float8, type), Float8), type);
    }

    private static unsafe byte[] Bytes(Tensor values) =>
        new ReadOnlySpan<byte>((void*)TensorMemory.Address(values), checked((int)values.numel())).ToArray();

    private static double Distance(float[][][] expected, float[][][] actual)
    {
        var (difference, size) = (0.0, 0.0);
        foreach (var (wanted, given) in expected.SelectMany(s => s).Zip(actual.SelectMany(s => s)))
            for (var i = 0; i < wanted.Length; i++)
            {
                difference += Math.Pow(wanted[i] - given[i], 2);
                size += Math.Pow(wanted[i], 2);
            }
        return Math.Sqrt(difference / size);
    }
}
