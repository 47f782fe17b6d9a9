using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Native;

/// <summary>
/// ATen operators that TorchSharp does not offer, or not with the arguments needed. They take part in autograd like any other.
/// </summary>
internal static class Ops
{
    /// <summary>x / sqrt(mean(x^2) + eps) * weight over the last dimension, accumulated in float32.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor weight, double eps)
    {
        Span<ulong> stack =
        [
            StableAbi.Handle(x),
            StableAbi.IntList(weight.size(0)),
            StableAbi.Some(StableAbi.Handle(weight)),
            StableAbi.Some(StableAbi.Real(eps)),
        ];
        return StableAbi.Call("aten::rms_norm\0"u8, "\0"u8, stack);
    }

    /// <summary>
    /// Scaled dot-product attention over [batch, heads, tokens, head_dim] with an explicit scale and no mask unless given.
    /// </summary>
    public static Tensor Attention(Tensor q, Tensor k, Tensor v, double scale, Tensor? mask = null)
    {
        Span<ulong> stack =
        [
            StableAbi.Handle(q), StableAbi.Handle(k), StableAbi.Handle(v), mask is null ? 0 : StableAbi.Some(StableAbi.Handle(mask)),
            StableAbi.Real(0), 0, StableAbi.Some(StableAbi.Real(scale)), 0,
        ];
        return StableAbi.Call("aten::scaled_dot_product_attention\0"u8, "\0"u8, stack);
    }
}
