using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan;

/// <summary>Residual connections: in place where no gradients are kept, so that a tick allocates less.</summary>
internal static class Residual
{
    public static Tensor Add(Tensor x, Tensor y) => is_grad_enabled() ? x.add(y) : x.add_(y);

    /// <summary>Hands <paramref name="result"/> out of the caller's dispose scope, unless it is <paramref name="given"/>, which never belonged to it.</summary>
    public static Tensor Result(Tensor result, Tensor given) => ReferenceEquals(result, given) ? result : result.MoveToOuterDisposeScope();

    /// <summary>x + y * gate.</summary>
    public static Tensor Add(Tensor x, Tensor y, Tensor gate) => is_grad_enabled() ? x.addcmul(y, gate, 1) : x.addcmul_(y, gate, 1);
}
