using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Vae;

/// <summary>A layer of the Wan VAE on [1, channels, frames, height, width].</summary>
internal interface IWanVaeLayer
{
    Tensor Forward(Tensor x, StreamMemory memory);

    /// <summary>The same with own kernels and without gradients; the frames are overwritten.</summary>
    FusedFrames Forward(FusedFrames frames, FrameKernels kernels, StreamMemory memory);
}

/// <summary>x / |x| * sqrt(channels) * gamma over the channels.</summary>
internal sealed class ChannelNorm(WeightLoader weights, string name, params long[] shape)
{
    private readonly Tensor _gamma = weights.Take(name, shape);
    private readonly double _scale = Math.Sqrt(shape[0]);

    /// <summary>As many as there are channels.</summary>
    public Tensor Gamma => _gamma;

    public Tensor Forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        using Scalar scale = Scalars.Kept(_scale);
        return F.normalize(x, 2, 1, 1e-12).mul(_gamma.mul(scale)).MoveToOuterDisposeScope();
    }

    public Tensor ForwardSilu(Tensor x)
    {
        using var normal = Forward(x);
        return F.silu(normal);
    }
}

/// <summary>Norm, SiLU, convolution, twice, around a shortcut.</summary>
internal sealed class WanResidual : IWanVaeLayer
{
    private readonly ChannelNorm _norm0;
    private readonly CausalConv3d _conv2;
    private readonly ChannelNorm _norm3;
    private readonly CausalConv3d _conv6;
    private readonly CausalConv3d? _shortcut;

    public WanResidual(WeightLoader weights, SlotCounter slots, int inChannels, int outChannels)
    {
        _norm0 = new ChannelNorm(weights, "residual.0.gamma", inChannels, 1, 1, 1);
        _conv2 = new CausalConv3d(weights.In("residual.2"), slots, inChannels, outChannels, 3, 3);
        _norm3 = new ChannelNorm(weights, "residual.3.gamma", outChannels, 1, 1, 1);
        _conv6 = new CausalConv3d(weights.In("residual.6"), slots, outChannels, outChannels, 3, 3);
        if (inChannels != outChannels)
            _shortcut = new CausalConv3d(weights.In("shortcut"), slots, inChannels, outChannels, 1, 1);
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var straight = _shortcut?.Forward(x, memory) ?? x;
        var y = _conv2.Forward(_norm0.ForwardSilu(x), memory);
        return _conv6.Forward(_norm3.ForwardSilu(y), memory).add(straight, Scalars.One).MoveToOuterDisposeScope();
    }

    public FusedFrames Forward(FusedFrames frames, FrameKernels kernels, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        Tensor y, z;
        using (var h = frames.Norm(kernels, _norm0, true, _conv2, memory, keeps: true))
            y = _conv2.Raw(h);
        using (y)
        using (var h = new FusedFrames(y, _conv2.Bias).Norm(kernels, _norm3, true, _conv6, memory, keeps: false))
            z = _conv6.Raw(h);
        var straight = _shortcut?.Pointwise(frames.Y) ?? frames.Y;
        return new FusedFrames(z, _conv6.Bias, straight).MoveToOuterDisposeScope();
    }
}

/// <summary>One head of attention within each frame.</summary>
internal sealed class WanFrameAttention : IWanVaeLayer
{
    private readonly int _channels;
    private readonly ChannelNorm _norm;
    private readonly Tensor _qkvWeight;
    private readonly Tensor _qkvBias;
    private readonly Tensor _projWeight;
    private readonly Tensor _projBias;

    public WanFrameAttention(WeightLoader weights, int channels)
    {
        _channels = channels;
        _norm = new ChannelNorm(weights, "norm.gamma", channels, 1, 1);
        _qkvWeight = weights.Take("to_qkv.weight", 3L * channels, channels, 1, 1);
        _qkvBias = weights.Take("to_qkv.bias", 3L * channels);
        _projWeight = weights.Take("proj.weight", channels, channels, 1, 1);
        _projBias = weights.Take("proj.bias", channels);
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var frames = FrameBatch.Split(x);
        var (count, height, width) = (frames.size(0), frames.size(2), frames.size(3));
        var qkv = F.conv2d(_norm.Forward(frames), _qkvWeight, _qkvBias).view(count, 1, 3L * _channels, height * width).transpose(2, 3)
            .chunk(3, -1);
        var attended = F.scaled_dot_product_attention(qkv[0].contiguous(), qkv[1].contiguous(), qkv[2].contiguous());
        var y = F.conv2d(attended.squeeze(1).transpose(1, 2).reshape(count, _channels, height, width), _projWeight, _projBias);
        return FrameBatch.Join(y, x.size(0)).add(x, Scalars.One).MoveToOuterDisposeScope();
    }

    public FusedFrames Forward(FusedFrames frames, FrameKernels kernels, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var normal = frames.Norm(kernels, _norm, false, null, memory, keeps: true);
        var qkv = Ops.Linear(normal, _qkvWeight.view(3L * _channels, _channels), _qkvBias).flatten(1, 2).unsqueeze(1).chunk(3, -1);
        var attended = F.scaled_dot_product_attention(qkv[0].contiguous(), qkv[1].contiguous(), qkv[2].contiguous());
        var y = Ops.Linear(attended.view(normal.shape), _projWeight.view(_channels, _channels), _projBias);
        return new FusedFrames(y, Addend: frames.Y).MoveToOuterDisposeScope();
    }
}

/// <summary>Frames as a batch of pictures and back.</summary>
internal static class FrameBatch
{
    /// <summary>[batch, channels, frames, height, width] -> [batch * frames, channels, height, width].</summary>
    public static Tensor Split(Tensor x) => x.transpose(1, 2).flatten(0, 1);

    public static Tensor Join(Tensor pictures, long batch) => pictures.unflatten(0, [batch, -1]).transpose(1, 2);
}
