using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Native;

/// <summary>
/// ATen operators that TorchSharp does not offer, or not with the arguments needed. They take part in autograd like any other.
/// </summary>
internal static class Ops
{
    private static readonly unsafe delegate* unmanaged<nint, nint, nint, double, double, int, nint*, int> AddmmActivationOnCuda =
        (delegate* unmanaged<nint, nint, nint, double, double, int, nint*, int>)LibTorch.TryExport("aoti_torch_cuda__addmm_activation");

    /// <summary>
    /// x W^T + b over the last dimension. TorchSharp's <c>linear</c> adds the bias by an operation of its own where x has three dimensions;
    /// this is one product with the bias in it.
    /// </summary>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor bias)
    {
        Span<ulong> stack = [StableAbi.Handle(x), StableAbi.Handle(weight), StableAbi.Some(StableAbi.Handle(bias))];
        return StableAbi.Call("aten::linear\0"u8, "\0"u8, stack);
    }

    /// <summary>GELU (by tanh) of x W^T + b, on CUDA in one product; without gradients. x is [tokens, in].</summary>
    public static unsafe Tensor LinearGelu(Tensor x, Tensor weight, Tensor bias)
    {
        if (x.device_type == DeviceType.CUDA && AddmmActivationOnCuda != null)
        {
            using var transposed = weight.t();
            nint result;
            var code = AddmmActivationOnCuda(bias.Handle, x.Handle, transposed.Handle, 1, 1, 1, &result);
            GC.KeepAlive(bias);
            GC.KeepAlive(x);
            return code == 0
                ? Tensor.UnsafeCreateTensor(result)
                : throw new InvalidOperationException("libtorch failed in _addmm_activation; its message is on stderr");
        }
        using var hidden = Linear(x, weight, bias);
        return nn.functional.gelu(hidden, TorchSharp.Modules.GELU.Approximate.tanh);
    }

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
