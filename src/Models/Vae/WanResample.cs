using StreamDiff.Models.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Vae;

/// <summary>Halves the picture and, where asked, the number of frames; the first frame of a stream stays by itself.</summary>
internal sealed class WanDownsample : IWanVaeLayer
{
    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly Tensor? _timeWeight;
    private readonly Tensor? _timeBias;
    private readonly int _slot;

    public WanDownsample(WeightLoader weights, SlotCounter slots, int channels, bool time)
    {
        _weight = weights.TakeKernel("resample.1.weight", channels, channels, 3, 3);
        _bias = weights.Take("resample.1.bias", channels);
        if (!time)
            return;
        _timeWeight = weights.TakeKernel("time_conv.weight", channels, channels, 3, 1, 1);
        _timeBias = weights.Take("time_conv.bias", channels);
        _slot = slots.Next();
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var smaller = F.conv2d(F.pad(FrameBatch.Split(x), [0, 1, 0, 1]), _weight, _bias, strides: [2, 2]);
        x = FrameBatch.Join(smaller, x.size(0));
        if (_timeWeight is not null)
            x = HalveFrames(x, memory);
        return x.MoveToOuterDisposeScope();
    }

    public FusedFrames Forward(FusedFrames frames, FrameKernels kernels, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        return FusedFrames.Of(Forward(FusedFrames.AsVideo(frames.Sum(kernels)), memory)).MoveToOuterDisposeScope();
    }

    private Tensor HalveFrames(Tensor x, StreamMemory memory)
    {
        var past = memory[_slot];
        var seen = past is null ? x : cat([past, x], 2);
        var halved = seen.size(2) > 1 ? F.conv3d(seen, _timeWeight!, _timeBias, strides: new long[] { 2, 1, 1 }) : null;
        memory.Keep(_slot, x.narrow(2, x.size(2) - 1, 1));
        if (past is not null)
            return halved!;
        var first = x.narrow(2, 0, 1);
        return halved is null ? first : cat([first, halved], 2);
    }
}

/// <summary>
/// Doubles the picture and, where asked, the number of frames; the first frame of a stream stays by itself and is not looked back at.
/// </summary>
internal sealed class WanUpsample : IWanVaeLayer
{
    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly CausalConv3d? _time;
    private readonly int _started;

    public WanUpsample(WeightLoader weights, SlotCounter slots, int channels, bool time)
    {
        _weight = weights.TakeKernel("resample.1.weight", channels / 2, channels, 3, 3);
        _bias = weights.Take("resample.1.bias", channels / 2);
        if (!time)
            return;
        _time = new CausalConv3d(weights.In("time_conv"), slots, channels, 2 * channels, 3, 1);
        _started = slots.Next();
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        return Doubled(x, _bias, memory).MoveToOuterDisposeScope();
    }

    public FusedFrames Forward(FusedFrames frames, FrameKernels kernels, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var doubled = Doubled(FusedFrames.AsVideo(frames.Sum(kernels)), null, memory);
        return (FusedFrames.Of(doubled) with { Bias = _bias }).MoveToOuterDisposeScope();
    }

    private Tensor Doubled(Tensor x, Tensor? bias, StreamMemory memory)
    {
        if (_time is not null)
            x = DoubleFrames(x, memory);
        // At exactly twice the size "nearest" takes the same pixels as "nearest-exact".
        var larger = F.interpolate(FrameBatch.Split(x), scale_factor: [2, 2], mode: InterpolationMode.Nearest);
        return FrameBatch.Join(F.conv2d(larger, _weight, bias, padding: [1, 1]), x.size(0));
    }

    private Tensor DoubleFrames(Tensor x, StreamMemory memory)
    {
        if (memory[_started] is not null)
            return Grow(x, memory);
        memory.Keep(_started, x.narrow(2, 0, 1));
        var first = x.narrow(2, 0, 1);
        return x.size(2) == 1 ? first : cat([first, Grow(x.narrow(2, 1, x.size(2) - 1), memory)], 2);
    }

    // The two halves of the channels are the earlier and the later of two frames.
    private Tensor Grow(Tensor x, StreamMemory memory)
    {
        var (batch, channels, frames, height, width) = (x.size(0), x.size(1), x.size(2), x.size(3), x.size(4));
        var halves = _time!.Forward(x, memory).view(batch, 2, channels, frames, height, width);
        // Channels that lie last in memory stay there.
        return x.stride(1) == 1
            ? halves.permute(0, 3, 1, 4, 5, 2).reshape(batch, 2 * frames, height, width, channels).permute(0, 4, 1, 2, 3)
            : halves.permute(0, 2, 3, 1, 4, 5).reshape(batch, channels, 2 * frames, height, width);
    }
}
