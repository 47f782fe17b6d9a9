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

    private static readonly unsafe delegate* unmanaged<nint, nint, nint, nint, float, float, int> AddmmOut =
        (delegate* unmanaged<nint, nint, nint, nint, float, float, int>)LibTorch.Export("aoti_torch_addmm_out");

    private static readonly unsafe delegate* unmanaged<nint, nint, nint, int> MmOut =
        (delegate* unmanaged<nint, nint, nint, int>)LibTorch.Export("aoti_torch_mm_out");

    // query, key, value, bias, compute_log_sumexp, dropout, is_causal, return_debug_mask, scale; nine results.
    private static readonly unsafe delegate* unmanaged<
        nint, nint, nint, nint*, int, double, int, int, double*, nint*, nint*, nint*, nint*, long*, long*, nint*, nint*, nint*, int>
        CudnnAttention = (delegate* unmanaged<
            nint, nint, nint, nint*, int, double, int, int, double*, nint*, nint*, nint*, nint*, long*, long*, nint*, nint*, nint*, int>)
            LibTorch.TryExport("aoti_torch_cuda__scaled_dot_product_cudnn_attention");

    // query, key, value, dropout, is_causal, mask, scale; two results.
    private static readonly unsafe delegate* unmanaged<nint, nint, nint, double, int, nint*, double*, nint*, nint*, int> CpuAttention =
        (delegate* unmanaged<nint, nint, nint, double, int, nint*, double*, nint*, nint*, int>)
        LibTorch.TryExport("aoti_torch_cpu__scaled_dot_product_flash_attention_for_cpu");

    // Until cuDNN has done it once, a refusal is taken for one of its kind.
    private static volatile bool _fusesConvolutions = true;
    private static volatile bool _hasFused;

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

    /// <summary>
    /// x W^T + b of matrices in float8 with a scale for each row (the weights' are those of their outputs), accumulated in float32: on CUDA
    /// one product of that type, elsewhere of what the numbers stand for. Without gradients.
    /// </summary>
    /// <param name="x">float8 [tokens, in].</param>
    /// <param name="scales">float32 [tokens, 1].</param>
    /// <param name="weight">float8 [out, in]; on CUDA both are multiples of 16.</param>
    /// <param name="weightScales">float32 [out, 1].</param>
    /// <param name="bias">[out].</param>
    /// <param name="type">Of the result.</param>
    public static Tensor Float8Linear(Tensor x, Tensor scales, Tensor weight, Tensor weightScales, Tensor bias, ScalarType type)
    {
        using var scope = NewDisposeScope();
        if (x.device_type != DeviceType.CUDA)
            return Linear(Wide(x, scales), Wide(weight, weightScales), bias.to_type(ScalarType.Float32)).to_type(type)
                .MoveToOuterDisposeScope();
        const ulong bfloat16 = 15, fastAccumulation = 1;
        Span<ulong> stack =
        [
            StableAbi.Handle(x), StableAbi.Handle(weight.t()), StableAbi.Handle(scales), StableAbi.Handle(weightScales.t()),
            StableAbi.Some(StableAbi.Handle(bias.to_type(ScalarType.BFloat16))), 0, StableAbi.Some(bfloat16), fastAccumulation,
        ];
        return StableAbi.Call("aten::_scaled_mm\0"u8, "\0"u8, stack).to_type(type).MoveToOuterDisposeScope();

        static Tensor Wide(Tensor values, Tensor scales) => values.to_type(ScalarType.Float32).mul(scales);
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
    /// ReLU of a convolution, with <paramref name="addend"/> added before it; on CUDA in one operation of cuDNN. Without gradients, which
    /// it has not.
    /// </summary>
    /// <param name="x">[frames, in, height, width].</param>
    /// <param name="weight">[out, in, kernel, kernel].</param>
    /// <param name="bias">[out]; null for none.</param>
    /// <param name="addend">Of the result's shape; null for none.</param>
    /// <param name="stride">In both directions.</param>
    public static Tensor ConvolutionRelu(Tensor x, Tensor weight, Tensor? bias, Tensor? addend, long stride)
    {
        var padding = weight.size(-1) / 2;
        if (_fusesConvolutions && x.device_type == DeviceType.CUDA)
        {
            try
            {
                var last = (StableAbi.IntList(stride, stride), StableAbi.IntList(padding, padding), StableAbi.IntList(1, 1));
                var ofBias = bias is null ? 0 : StableAbi.Some(StableAbi.Handle(bias));
                var y = addend is null
                    ? StableAbi.Call("aten::cudnn_convolution_relu\0"u8, "\0"u8,
                        [StableAbi.Handle(x), StableAbi.Handle(weight), ofBias, last.Item1, last.Item2, last.Item3, 1])
                    : StableAbi.Call("aten::cudnn_convolution_add_relu\0"u8, "\0"u8,
                        [StableAbi.Handle(x), StableAbi.Handle(weight), StableAbi.Handle(addend), 0, ofBias, last.Item1, last.Item2,
                            last.Item3, 1]);
                _hasFused = true;
                return y;
            }
            catch (InvalidOperationException) when (!_hasFused)
            {
                // This cuDNN cannot; libtorch has said why. What fails once it could has another reason, such as no memory.
                _fusesConvolutions = false;
            }
        }
        var sum = nn.functional.conv2d(x, weight, bias, strides: [stride, stride], padding: [padding, padding]);
        return (addend is null ? sum : sum.add_(addend, Scalars.One)).relu_();
    }

    /// <summary>The same memory as numbers of another size, which the last dimension's must be a multiple of.</summary>
    public static Tensor ViewAs(Tensor x, ScalarType type)
    {
        Span<ulong> stack = [StableAbi.Handle(x), (ulong)(int)type];
        return StableAbi.Call("aten::view\0"u8, "dtype\0"u8, stack);
    }

    /// <summary>to = a b, or to += a b, in the memory of <paramref name="to"/>; matrices.</summary>
    public static unsafe void Multiply(Tensor to, Tensor a, Tensor b, bool adds)
    {
        var code = adds ? AddmmOut(to.Handle, to.Handle, a.Handle, b.Handle, 1, 1) : MmOut(to.Handle, a.Handle, b.Handle);
        foreach (var tensor in (Tensor[])[to, a, b])
            GC.KeepAlive(tensor);
        if (code != 0)
            throw new InvalidOperationException("libtorch failed in a product; its message is on stderr");
    }

    /// <summary>
    /// Scaled dot-product attention over [batch, heads, tokens, head_dim], with the logarithm of what each query's exponentials add up to,
    /// float32 [batch, heads, tokens]: what joining attention to parts of the keys needs. Without gradients.
    /// </summary>
    /// <exception cref="InvalidOperationException">On CUDA: cuDNN's attention cannot do it with this device, type or size.</exception>
    public static unsafe (Tensor Attended, Tensor Sums) AttentionWithSums(Tensor q, Tensor k, Tensor v)
    {
        var isCuda = q.device_type == DeviceType.CUDA;
        if (isCuda ? CudnnAttention == null : CpuAttention == null)
            throw new InvalidOperationException("this libtorch has no attention that gives sums");
        // Attended, sums, and what only gradients need: two tensors, two numbers, three tensors.
        nint attended = 0, sums = 0, a = 0, b = 0, c = 0, d = 0, e = 0;
        long queries, keys;
        var code = isCuda
            ? CudnnAttention(q.Handle, k.Handle, v.Handle, null, 1, 0, 0, 0, null, &attended, &sums, &a, &b, &queries, &keys, &c, &d, &e)
            : CpuAttention(q.Handle, k.Handle, v.Handle, 0, 0, null, null, &attended, &sums);
        foreach (var tensor in (Tensor[])[q, k, v])
            GC.KeepAlive(tensor);
        if (code != 0)
            throw new InvalidOperationException("libtorch failed in attention that gives sums; its message is on stderr");
        if (!isCuda)
            return (Tensor.UnsafeCreateTensor(attended), Tensor.UnsafeCreateTensor(sums));
        foreach (var other in (nint[])[a, b, c, d, e])
            if (other != 0)
                Tensor.UnsafeCreateTensor(other).Dispose();
        using var four = Tensor.UnsafeCreateTensor(sums);
        return (Tensor.UnsafeCreateTensor(attended), four.squeeze(-1));
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
