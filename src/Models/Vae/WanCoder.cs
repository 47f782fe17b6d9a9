using StreamDiff.Models.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace StreamDiff.Models.Vae;

/// <summary>Encoder or decoder of the Wan VAE: a convolution, levels around a middle with attention, a head.</summary>
internal sealed class WanCoder
{
    // cuDNN is slow with fewer channels to make.
    private const int SlimKernel = 8;

    private readonly CausalConv3d _first;
    private readonly List<IWanVaeLayer> _layers;
    private readonly ChannelNorm _headNorm;
    private readonly CausalConv3d _head;

    private WanCoder(
        WeightLoader weights, SlotCounter slots, int inChannels, int firstWidth, List<IWanVaeLayer> layers, int lastWidth, int outChannels)
    {
        _first = new CausalConv3d(weights.In("conv1"), slots, inChannels, firstWidth, 3, 3);
        _layers = layers;
        _headNorm = new ChannelNorm(weights, "head.0.gamma", lastWidth, 1, 1, 1);
        _head = new CausalConv3d(weights.In("head.2"), slots, lastWidth, outChannels, 3, 3);
    }

    public static WanCoder Encoder(WanVaeConfig config, WeightLoader weights)
    {
        var slots = new SlotCounter();
        var layers = new List<IWanVaeLayer>();
        var width = config.Dim;
        for (var level = 0; level < config.Multipliers.Count; level++)
        {
            var wider = config.Dim * config.Multipliers[level];
            for (var i = 0; i < config.ResidualBlocks; i++, width = wider)
                layers.Add(new WanResidual(weights.In($"downsamples.{layers.Count}"), slots, width, wider));
            if (level < config.Multipliers.Count - 1)
                layers.Add(new WanDownsample(weights.In($"downsamples.{layers.Count}"), slots, wider, config.TimeDownsample[level]));
        }
        AddMiddle(layers, weights, slots, width);
        return new WanCoder(weights, slots, 3, config.Dim, layers, width, 2 * config.LatentChannels);
    }

    public static WanCoder Decoder(WanVaeConfig config, WeightLoader weights)
    {
        var slots = new SlotCounter();
        var layers = new List<IWanVaeLayer>();
        var width = config.Dim * config.Multipliers[^1];
        var firstWidth = width;
        AddMiddle(layers, weights, slots, width);
        var middle = layers.Count;
        for (var level = config.Multipliers.Count - 1; level >= 0; level--)
        {
            var next = config.Dim * config.Multipliers[level];
            for (var i = 0; i <= config.ResidualBlocks; i++, width = next)
                layers.Add(new WanResidual(weights.In($"upsamples.{layers.Count - middle}"), slots, width, next));
            if (level == 0)
                continue;
            layers.Add(new WanUpsample(weights.In($"upsamples.{layers.Count - middle}"), slots, next, config.TimeDownsample[level - 1]));
            width = next / 2;
        }
        return new WanCoder(weights, slots, config.LatentChannels, firstWidth, layers, width, 3);
    }

    public Tensor Forward(Tensor x, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        x = _first.Forward(x, memory);
        foreach (var layer in _layers)
        {
            var input = x;
            x = layer.Forward(input, memory);
            input.Dispose();
        }
        return _head.Forward(_headNorm.ForwardSilu(x), memory).MoveToOuterDisposeScope();
    }

    /// <summary>The same with own kernels and without gradients.</summary>
    /// <param name="x">[1, channels, frames, height, width].</param>
    /// <param name="kernels">Own kernels.</param>
    /// <param name="memory">Of the stream.</param>
    /// <returns>Of that shape.</returns>
    public Tensor Forward(Tensor x, FrameKernels kernels, StreamMemory memory)
    {
        using var scope = NewDisposeScope();
        var missing = (kernels.Width - x.size(1) % kernels.Width) % kernels.Width;
        var frames = FusedFrames.Of(missing == 0 ? x : F.pad(x, [0, 0, 0, 0, 0, 0, 0, missing]));
        using (var h = frames.Norm(kernels, null, false, _first, memory, keeps: false))
            frames = new FusedFrames(_first.Raw(h), _first.Bias);
        foreach (var layer in _layers)
        {
            using var inner = NewDisposeScope();
            frames = layer.Forward(frames.MoveInto(inner), kernels, memory).MoveToOuterDisposeScope();
        }
        using var last = frames.Norm(kernels, _headNorm, true, _head, memory, keeps: false);
        var y = _head.Raw(last, Math.Max(_head.Bias.size(0), SlimKernel)).narrow(3, 0, _head.Bias.size(0));
        return FusedFrames.AsVideo(y.add(_head.Bias, Scalars.One)).MoveToOuterDisposeScope();
    }

    private static void AddMiddle(List<IWanVaeLayer> layers, WeightLoader weights, SlotCounter slots, int width)
    {
        layers.Add(new WanResidual(weights.In("middle.0"), slots, width, width));
        layers.Add(new WanFrameAttention(weights.In("middle.1"), width));
        layers.Add(new WanResidual(weights.In("middle.2"), slots, width, width));
    }
}
