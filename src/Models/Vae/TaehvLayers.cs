using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Vae;

/// <summary>
/// A layer of TAEHV on frames [frames * streams, channels, height, width]: frame 0 of every stream, frame 1 of every stream, and so on.
/// </summary>
internal interface ITaehvLayer
{
    Tensor Forward(Tensor x, StreamMemory memory);
}

/// <summary>A 3 x 3 (or 1 x 1) convolution, with a ReLU behind it where asked.</summary>
internal sealed class TaehvConv : ITaehvLayer
{
    private readonly Tensor _weight;
    private readonly Tensor? _bias;
    private readonly long _padding;
    private readonly long _stride;
    private readonly bool _relu;

    public TaehvConv(
        WeightLoader weights, int inChannels, int outChannels, int kernel = 3, int stride = 1, bool bias = true, bool relu = false)
    {
        _weight = weights.TakeKernel("weight", outChannels, inChannels, kernel, kernel);
        _bias = bias ? weights.Take("bias", outChannels) : null;
        _padding = kernel / 2;
        _stride = stride;
        _relu = relu;
    }

    public Tensor Forward(Tensor x, StreamMemory memory) => Forward(x);

    public Tensor Forward(Tensor x)
    {
        if (_relu && !is_grad_enabled())
            return Ops.ConvolutionRelu(x, _weight, _bias, null, _stride);
        var y = F.conv2d(x, _weight, _bias, strides: [_stride, _stride], padding: [_padding, _padding]);
        return _relu ? TaehvRelu.Apply(y) : y;
    }

    /// <summary>ReLU of the convolution plus a tensor of its result's shape.</summary>
    public Tensor ForwardRelu(Tensor x, Tensor addend)
    {
        if (!is_grad_enabled())
            return Ops.ConvolutionRelu(x, _weight, _bias, addend, _stride);
        using var y = Forward(x);
        return TaehvRelu.Apply(y.add(addend, Scalars.One));
    }
}

/// <summary>ReLU that overwrites a fresh result where no gradients are kept.</summary>
internal static class TaehvRelu
{
    public static Tensor Apply(Tensor fresh)
    {
        if (!is_grad_enabled())
            return fresh.relu_();
        using (fresh)
            return fresh.relu();
    }
}

/// <summary>Three convolutions over this frame and the one before it, around a shortcut.</summary>
internal sealed class TaehvMemory : ITaehvLayer
{
    private readonly TaehvConv _conv0;
    private readonly TaehvConv _conv2;
    private readonly TaehvConv _conv4;
    private readonly int _slot;

    public TaehvMemory(WeightLoader weights, SlotCounter slots, int channels)
    {
        _conv0 = new TaehvConv(weights.In("conv.0"), 2 * channels, channels, relu: true);
        _conv2 = new TaehvConv(weights.In("conv.2"), channels, channels, relu: true);
        _conv4 = new TaehvConv(weights.In("conv.4"), channels, channels);
        _slot = slots.Next();
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var count = x.size(0);
        var both = memory.Streams == 1 && FrameCopies.Suit(x) ? FrameCopies.WithPast(x, memory[_slot]) : WithPast(x, memory);
        var y = _conv4.ForwardRelu(_conv2.Forward(_conv0.Forward(both)), x);
        memory.Keep(_slot, x.narrow(0, count - memory.Streams, memory.Streams));
        return y.MoveToOuterDisposeScope();
    }

    private Tensor WithPast(Tensor x, StreamMemory memory)
    {
        var before = memory[_slot] ?? zeros_like(x.narrow(0, 0, memory.Streams));
        var past = x.size(0) == memory.Streams ? before : cat([before, x.narrow(0, 0, x.size(0) - memory.Streams)]);
        return cat([x, past], 1);
    }
}

/// <summary>
/// Frames whose channels lie last in memory, as matrices [pixels, channels]: products with them need no frame to be laid beside another.
/// </summary>
internal sealed class FrameMatrices(Tensor frames)
{
    private readonly Tensor _pixels = frames.permute(0, 2, 3, 1);

    /// <summary>New frames of the same size, or of so many times its sides.</summary>
    public static Tensor Empty(Tensor like, long count, long channels, int scale = 1)
    {
        using var pixels = empty([count, scale * like.size(2), scale * like.size(3), channels], like.dtype, like.device);
        return pixels.permute(0, 3, 1, 2);
    }

    /// <summary>[height * width, channels] of one frame.</summary>
    public Tensor Of(long frame) => _pixels.select(0, frame).view(-1, _pixels.size(3));

    /// <summary>True for what can be taken so.</summary>
    public static bool Suit(Tensor x) => x.device_type == DeviceType.CUDA && !is_grad_enabled() && x.stride(1) == 1;
}

/// <summary>
/// Squares of pixels as channels of one place: channel, row, column of the square, as pixel_unshuffle has it. On CUDA the channels lie last
/// in memory, as convolutions want them there.
/// </summary>
internal sealed class TaehvJoin(int side) : ITaehvLayer
{
    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        if (x.device_type != DeviceType.CUDA)
            return F.pixel_unshuffle(x, side);
        using var scope = NewDisposeScope();
        var (count, channels, height, width) = (x.size(0), x.size(1), x.size(2) / side, x.size(3) / side);
        return x.reshape(count, channels, height, side, width, side).permute(0, 2, 4, 1, 3, 5).contiguous()
            .view(count, height, width, channels * side * side).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }
}

/// <summary>The way back from <see cref="TaehvJoin"/>.</summary>
internal sealed class TaehvPart(int side) : ITaehvLayer
{
    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        if (x.device_type != DeviceType.CUDA)
            return F.pixel_shuffle(x, side);
        using var scope = NewDisposeScope();
        var (count, channels, height, width) = (x.size(0), x.size(1) / (side * side), x.size(2), x.size(3));
        return x.permute(0, 2, 3, 1).reshape(count, height, width, channels, side, side).permute(0, 1, 4, 2, 5, 3).contiguous()
            .view(count, height * side, width * side, channels).permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }
}

/// <summary>Joins groups of frames into one.</summary>
internal sealed class TaehvPool(WeightLoader weights, SlotCounter slots, int channels, int stride) : ITaehvLayer
{
    private readonly Tensor _weight = weights.Take("conv.weight", channels, (long)channels * stride, 1, 1);
    private readonly int _slot = slots.Next();

    /// <summary>A frame with those of its group before it; null where more must come: it is remembered until then.</summary>
    public Tensor? Gather(Tensor frame, StreamMemory memory)
    {
        if (stride == 1)
            return frame.alias();
        using var before = memory.Take(_slot);
        var group = before is null ? frame.alias() : cat([before, frame]);
        if (group.size(0) == stride)
            return group;
        using (group)
            memory.Keep(_slot, group);
        return null;
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        if (memory.Streams == 1 && stride > 1 && FrameMatrices.Suit(x))
            return Products(x).MoveToOuterDisposeScope();
        var groups = memory.Streams == 1 ? x : x.view(-1, stride, memory.Streams, x.size(1), x.size(2), x.size(3)).transpose(1, 2);
        groups = groups.reshape(x.size(0) / stride, x.size(1) * stride, x.size(2), x.size(3));
        return F.conv2d(groups, _weight).MoveToOuterDisposeScope();
    }

    private Tensor Products(Tensor x)
    {
        var joined = FrameMatrices.Empty(x, x.size(0) / stride, channels);
        var (from, to) = (new FrameMatrices(x), new FrameMatrices(joined));
        var weight = _weight.view(channels, stride, channels);
        for (var frame = 0L; frame < x.size(0); frame++)
            Ops.Multiply(to.Of(frame / stride), from.Of(frame), weight.select(1, frame % stride).t(), adds: frame % stride > 0);
        return joined;
    }
}

/// <summary>Doubles the picture where asked, then grows each frame into several, the earlier one first.</summary>
internal sealed class TaehvGrow : ITaehvLayer
{
    private readonly Tensor _weight;
    private readonly int _channels;
    private readonly int _stride;
    private readonly int _scale;

    /// <summary>Frames that each becomes.</summary>
    public int Frames => _stride;

    public TaehvGrow(WeightLoader weights, int channels, int stride, int scale)
    {
        // Public files may hold rows for more frames than are asked for; the last ones are used.
        _weight = weights.TakeTail("conv.weight", (long)channels * stride, channels, 1, 1);
        _channels = channels;
        _stride = stride;
        _scale = scale;
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        // A 1 x 1 convolution and a nearest-neighbour upsampling commute; in this order the convolution does a quarter of the work.
        var grown = memory.Streams == 1 && _stride > 1 && FrameMatrices.Suit(x) ? Products(x) : Convolved(x, memory);
        if (_scale == 2 && FrameCopies.Suit(grown))
            grown = FrameCopies.Doubled(grown);
        else if (_scale > 1)
            grown = F.interpolate(grown, scale_factor: [_scale, _scale], mode: InterpolationMode.Nearest);
        return grown.MoveToOuterDisposeScope();
    }

    private Tensor Convolved(Tensor x, StreamMemory memory)
    {
        var grown = F.conv2d(x, _weight);
        if (memory.Streams > 1)
            grown = grown.view(-1, memory.Streams, _stride, _channels, x.size(2), x.size(3)).transpose(1, 2);
        return _stride == 1 && memory.Streams == 1 ? grown : grown.reshape(x.size(0) * _stride, _channels, x.size(2), x.size(3));
    }

    private Tensor Products(Tensor x)
    {
        var grown = FrameMatrices.Empty(x, x.size(0) * _stride, _channels);
        var (from, to) = (new FrameMatrices(x), new FrameMatrices(grown));
        var weight = _weight.view(_stride, _channels, _channels);
        for (var frame = 0L; frame < grown.size(0); frame++)
            Ops.Multiply(to.Of(frame), from.Of(frame / _stride), weight.select(0, frame % _stride).t(), adds: false);
        return grown;
    }
}

/// <summary>Bounds latents softly to [-3, 3].</summary>
internal sealed class TaehvClamp : ITaehvLayer
{
    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        using Scalar bound = Scalars.Kept(3f);
        return x.div(bound).tanh().mul(bound).MoveToOuterDisposeScope();
    }
}
