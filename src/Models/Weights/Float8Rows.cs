using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Weights;

/// <summary>
/// Matrices in float8 (e4m3: sign, four bits of exponent, three of fraction, largest value 448, Micikevicius et al. 2022, "FP8 Formats for
/// Deep Learning"), each row with a scale of its own, float32, by which its largest element is 448.
/// </summary>
/// <param name="Values">float8 [rows, columns].</param>
/// <param name="Scales">float32 [rows, 1].</param>
internal readonly record struct Float8Rows(Tensor Values, Tensor Scales)
{
    /// <summary>Largest value of the format.</summary>
    public const float Most = 448;

    /// <summary>The largest element of a row is taken for at least this, so that a row of nothing has a scale; as in wan.cu.</summary>
    public const float LeastLargest = 1e-12f;

    /// <summary>float8_e4m3fn of libtorch, which TorchSharp does not name.</summary>
    public const ScalarType Type = (ScalarType)24;

    /// <summary>Rounds to the nearest.</summary>
    /// <param name="x">[rows, columns] of any type.</param>
    public static Float8Rows Of(Tensor x)
    {
        using var scope = NewDisposeScope();
        var wide = x.to_type(ScalarType.Float32);
        var scales = wide.abs().amax([1], keepdim: true).clamp(min: Scalars.Of(LeastLargest)).div(Scalars.Of(Most));
        var values = wide.mul(scales.reciprocal()).clamp(Scalars.Of(-Most), Scalars.Of(Most)).to_type(Type);
        return new Float8Rows(values.MoveToOuterDisposeScope(), scales.MoveToOuterDisposeScope());
    }
}
