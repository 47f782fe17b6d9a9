using StreamDiff.Models.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace StreamDiff.Models.Wan.Layers;

/// <summary>From tokens back to latents: modulated norm, one linear layer, patches put back in place.</summary>
internal sealed class WanHead
{
    private const int PatchArea = 4;
    private readonly WanConfig _config;
    private readonly Linear _head;
    private readonly Tensor _modulation;

    public WanHead(WanConfig config, WeightLoader weights)
    {
        _config = config;
        _head = new Linear(weights.In("head.head"), config.Dim, (long)PatchArea * config.OutChannels);
        _modulation = weights.As(ScalarType.Float32).Take("head.modulation", 1, 2, config.Dim);
    }

    /// <summary>
    /// x [rows, frames * L, dim], time [rows, 1, 1, dim] -> flow, float32 [rows, frames, channels, 2 * gridRows, 2 * gridColumns].
    /// </summary>
    public Tensor Forward(Tensor x, Tensor time, int frames, int gridRows, int gridColumns)
    {
        using var scope = NewDisposeScope();
        var e = time.add(_modulation, Scalars.One).to_type(x.dtype).unbind(2);
        var normal = nn.functional.layer_norm(x, [_config.Dim], eps: _config.Epsilon);
        var patches = _head.Forward(Residual.Modulate(normal, e[0], e[1]));
        return patches.view(x.size(0), frames, gridRows, gridColumns, 2, 2, _config.OutChannels)
            .permute(0, 1, 6, 2, 4, 3, 5)
            .reshape(x.size(0), frames, _config.OutChannels, 2L * gridRows, 2L * gridColumns)
            .to_type(ScalarType.Float32)
            .MoveToOuterDisposeScope();
    }
}
