using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>
/// Residual connections and the modulation around them: in place where no gradients are kept, so that a tick allocates less.
/// </summary>
internal static class Residual
{
    public static Tensor Add(Tensor x, Tensor y) => is_grad_enabled() ? x.add(y, Scalars.One) : x.add_(y, Scalars.One);

    /// <summary>
    /// Hands <paramref name="result"/> out of the caller's dispose scope, unless it is <paramref name="given"/>, which never belonged to
    /// it.
    /// </summary>
    public static Tensor Result(Tensor result, Tensor given) => ReferenceEquals(result, given) ? result : result.MoveToOuterDisposeScope();

    /// <summary>x * (1 + scale) + shift.</summary>
    public static Tensor Modulate(Tensor x, Tensor shift, Tensor scale)
    {
        using var gain = scale.add(Scalars.One, Scalars.One);
        return addcmul(shift, x, gain, Scalars.One);
    }

    /// <summary>x + y * gate.</summary>
    public static Tensor Add(Tensor x, Tensor y, Tensor gate) =>
        is_grad_enabled() ? x.addcmul(y, gate, Scalars.One) : x.addcmul_(y, gate, Scalars.One);
}
