using StreamDiff.Models.Native;
using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// A 3D convolution that sees this frame and the ones before it: the last input frames are remembered between calls, zeros stand before the
/// first. Works on [batch, channels, frames, height, width].
/// </summary>
internal sealed class CausalConv3d
{
    // Up to here one convolution over the channels of three frames is faster on CUDA than one in three dimensions: docs/gpu.md.
    private const int MostWithin = 96;

    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly long[] _spatialPadding;
    private readonly int _history;
    private readonly int _slot;

    public CausalConv3d(WeightLoader weights, SlotCounter slots, int inChannels, int outChannels, int timeKernel, int spaceKernel)
    {
        _history = timeKernel - 1;
        Taps = _history == 0 ? FrameTaps.None : inChannels <= MostWithin ? FrameTaps.Within : FrameTaps.Along;
        long[] order = Taps == FrameTaps.Within ? [0, 3, 4, 2, 1] : [0, 2, 3, 4, 1];
        _weight = weights.TakeLaid("weight", order, outChannels, inChannels, timeKernel, spaceKernel, spaceKernel);
        _bias = weights.Take("bias", outChannels);
        _spatialPadding = [0, spaceKernel / 2, spaceKernel / 2];
        _slot = _history > 0 ? slots.Next() : -1;
    }

    /// <summary>How <see cref="Raw"/> wants its input.</summary>
    public FrameTaps Taps { get; }

    public Tensor Bias => _bias;

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        if (_history == 0)
            return nn.functional.conv3d(x, _weight, _bias, padding: _spatialPadding);
        using var scope = NewDisposeScope();
        var past = memory[_slot] ?? zeros([x.size(0), x.size(1), _history, x.size(3), x.size(4)], dtype: x.dtype, device: x.device);
        var seen = cat([past, x], 2);
        memory.Keep(_slot, seen.narrow(2, seen.size(2) - _history, _history));
        return nn.functional.conv3d(seen, _weight, _bias, padding: _spatialPadding).MoveToOuterDisposeScope();
    }

    /// <summary>The last two inputs [2, height, width, channels], kept up by <see cref="FrameKernels"/>; zeros in the beginning.</summary>
    /// <param name="memory">Of the stream.</param>
    /// <param name="like">[frames, height, width, channels].</param>
    public Tensor History(StreamMemory memory, Tensor like) =>
        memory.Hold(_slot, () => zeros([_history, like.size(1), like.size(2), like.size(3)], dtype: like.dtype, device: like.device));

    /// <summary>The convolution without its bias, with own kernels.</summary>
    /// <param name="h">Frames and those before them, as <see cref="Taps"/> says.</param>
    /// <param name="outChannels">Rows of zeros are added to the weight up to so many; default: none are.</param>
    /// <returns>[frames, height, width, out channels].</returns>
    public Tensor Raw(Tensor h, long? outChannels = null)
    {
        using var scope = NewDisposeScope();
        var weight = Widened(h.size(3) / (Taps == FrameTaps.Within ? 3 : 1), outChannels ?? _weight.size(0));
        if (Taps == FrameTaps.Along)
        {
            var y = nn.functional.conv3d(FusedFrames.AsVideo(h), weight, padding: _spatialPadding);
            return y.squeeze(0).permute(1, 2, 3, 0).contiguous().MoveToOuterDisposeScope();
        }
        // [out, height, width, time, in] in memory: of a pixel, all channels of its three frames lie together.
        var flat = weight.permute(0, 3, 4, 2, 1).flatten(3, 4).permute(0, 3, 1, 2);
        return nn.functional.conv2d(h.permute(0, 3, 1, 2), flat, padding: [_spatialPadding[1], _spatialPadding[2]])
            .permute(0, 2, 3, 1).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>A convolution of single pixels, as a product; x is [frames, height, width, channels].</summary>
    public Tensor Pointwise(Tensor x)
    {
        using var scope = NewDisposeScope();
        var weight = Widened(x.size(3), _weight.size(0)).reshape(_weight.size(0), x.size(3));
        return Ops.Linear(x, weight, _bias).MoveToOuterDisposeScope();
    }

    // Zeros for channels that were added so that they can be read in packs.
    private Tensor Widened(long inChannels, long outChannels)
    {
        var (more, rows) = (inChannels - _weight.size(1), outChannels - _weight.size(0));
        if (more == 0 && rows == 0)
            return _weight.alias();
        var wide = zeros([outChannels, _weight.size(2), _weight.size(3), _weight.size(4), inChannels], dtype: _weight.dtype,
            device: _weight.device).permute(0, 4, 1, 2, 3);
        wide.narrow(0, 0, _weight.size(0)).narrow(1, 0, _weight.size(1)).copy_(_weight);
        return wide;
    }
}
