using StreamDiff.Models.Weights;
using static TorchSharp.torch;

namespace StreamDiff.Models.Vae;

/// <summary>
/// A 3D convolution that sees this frame and the ones before it: the last input frames are remembered between calls, zeros stand before the
/// first. Works on [batch, channels, frames, height, width].
/// </summary>
internal sealed class CausalConv3d
{
    private readonly Tensor _weight;
    private readonly Tensor _bias;
    private readonly long[] _spatialPadding;
    private readonly int _history;
    private readonly int _slot;

    public CausalConv3d(WeightLoader weights, SlotCounter slots, int inChannels, int outChannels, int timeKernel, int spaceKernel)
    {
        _weight = weights.Take("weight", outChannels, inChannels, timeKernel, spaceKernel, spaceKernel);
        _bias = weights.Take("bias", outChannels);
        _spatialPadding = [0, spaceKernel / 2, spaceKernel / 2];
        _history = timeKernel - 1;
        _slot = _history > 0 ? slots.Next() : -1;
    }

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
}
